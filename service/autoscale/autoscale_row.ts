import type { ScaleState } from "./rules/step.ts";

/** What was last found of a namespace that has a rule, as `GET /v1/autoscale` shows it. */
export interface AutoscaleRow {
  readonly cluster: string;
  readonly namespace: string;
  readonly state: ScaleState;
  /** In a few words: the figures, what is missing, what is waited for. */
  readonly detail: string;
  readonly replicas: number;
  readonly declared: number;
  readonly min: number;
  readonly max: number;
  /** Id of the plan that is open; "" for none. */
  readonly approval: string;
  /** Where the usage comes from. */
  readonly source: string;
}
