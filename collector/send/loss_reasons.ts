/** Why records were lost: the values of the label `reason`. */
export const lossReasons = {
  /** The spool was full and no exporter took records fast enough. */
  spoolFull: "spool full",
  /** The record or one of its shapes exceeds a frame or the whole budget. */
  recordTooLarge: "record too large",
  /** The exporter asked for a shape that the record does not carry: it can never be decoded. */
  shapeMissing: "shape missing",
  /** The record was on disk and can no longer be read. */
  damaged: "spool damaged",
} as const;

export type LossReason = (typeof lossReasons)[keyof typeof lossReasons];
