import type { Context } from "hono";
import { DocumentError, type DocumentErrorCode } from "../documents/documents.ts";
import { problem } from "./problem.ts";

const answers = {
  "invalid": [400, "Invalid document"],
  "version-unchanged": [409, "Version unchanged"],
  "managed-by-git": [409, "Managed by Git"],
  "generated": [405, "Generated document"],
  "precondition-failed": [412, "Precondition failed"],
  "conflict": [409, "Conflict"],
  "unavailable": [503, "Store unavailable"],
} as const satisfies Record<DocumentErrorCode, readonly [number, string]>;

/** Answers why a document was not written or removed; other errors are thrown on. */
export function answerDocumentError(context: Context, error: unknown): Response {
  if (!(error instanceof DocumentError)) throw error;
  const [status, title] = answers[error.code];
  const problems = error.problems.map(({ line, column, field, message }) => ({ line, column, field, message }));
  const more = { code: error.code, ...problems.length > 0 && { problems } };
  const answer = problem(context, status, title, error.message, more);
  if (status === 405) answer.headers.set("allow", "GET");
  if (status === 503) answer.headers.set("retry-after", "1");
  return answer;
}
