/** Why something is scraped or not: a pure function over what the service knows. */
export type { DeliveryView } from "./delivery.ts";
export { explain } from "./explain.ts";
export type { Chain, ExplainQuery, ExplainView, Explanation, NearMiss, Step, StepName } from "./explanation.ts";
