/** Relabelling as Prometheus does it, for targets and for scraped series. */
export { checkRelabelRule, type RelabelProblem } from "./check.ts";
export { type LabelMap, Relabeler } from "./relabeler.ts";
export { relabelActions, RelabelBoundError, relabelDefaults, type RelabelRule, relabelRulesMax } from "./rule.ts";
