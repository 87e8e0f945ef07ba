import type { ScaleOverride } from "./scale_override.ts";

/**
 * How many collectors a namespace is to have. The documents say it (`declared`); a number that was approved stands in
 * its place for as long as the documents say what they said at the approval. Whoever changes them later has the word
 * again, so that neither a pipeline nor a person has to know of the approval.
 */
export function wishedReplicas(declared: number, approved: ScaleOverride | undefined): number {
  return approved !== undefined && approved.declared === declared ? approved.replicas : declared;
}
