/** When targets are scraped: at moments of the wall clock that depend on the target alone. */
export { concurrencyMaxDefault, ScheduleLoop } from "./loop.ts";
export type { ScheduledTarget } from "./scheduler.ts";
export { identityKey, nextTick, offsetOf, type TargetIdentity } from "./tick.ts";
