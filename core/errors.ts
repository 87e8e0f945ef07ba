/** An error whose message alone tells the user what is wrong and what to do: shown as one line, exit code 1. */
export class UserError extends Error {
  override name = "UserError";
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same of what is behind it, where there is something: fetch says "fetch failed" and hides the reason there. */
export function causeMessageOf(error: unknown): string {
  return messageOf(error instanceof Error && error.cause instanceof Error ? error.cause : error);
}

/** The system's code of an error (`ENOSPC`, `EADDRINUSE`, …), or "" when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
