/** What a rule does; the names are those of Prometheus. */
export const relabelActions = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;

export type RelabelAction = (typeof relabelActions)[number];

/** One rule of `relabelings` or `metricRelabelings`, with its defaults filled in. */
export interface RelabelRule {
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: string;
  readonly modulus?: number | undefined;
  readonly targetLabel?: string | undefined;
  readonly replacement: string;
  readonly action: RelabelAction;
}

/** Prometheus' defaults. */
export const relabelDefaults = { separator: ";", regex: "(.*)", replacement: "$1", action: "replace" } as const;

/** Most rules of one list, and most source labels of one rule. */
export const relabelRulesMax = 100;

/** What rules may not exceed while they run: a chain of them could double a value, or the labels, with each step. */
export const relabelBounds = { textCharsMax: 1024 * 1024, labelsMax: 1000 } as const;

/** The rules make more of a set of labels than is allowed. */
export class RelabelBoundError extends Error {
  override name = "RelabelBoundError";
}
