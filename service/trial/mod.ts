/** One scrape of one target now, before a metric is saved. */
export { TrialGate } from "./gate.ts";
export { NoTargetError, type TrialResult, tryMetric } from "./trial.ts";
