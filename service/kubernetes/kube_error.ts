import { OrchestratorError, type OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";

/** An API server did not do what was asked of it. */
export class KubeError extends Error {
  override name = "KubeError";
  /** HTTP status of its answer; 0 when there was none. */
  readonly status: number;
  /** How long it asks to be left in peace; null when it does not say. */
  readonly retryAfterMs: number | null;

  constructor(
    message: string,
    details: { readonly status?: number; readonly retryAfterMs?: number | null; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.status = details.status ?? 0;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }

  /** Whether the object, or its whole kind, is not there. */
  get isMissing(): boolean {
    return this.status === 404;
  }

  /** Whether the server has forgotten the version or the list that was asked for: list anew. */
  get isExpired(): boolean {
    return this.status === 410;
  }

  get kind(): OrchestratorErrorKind {
    return kindOf(this.status);
  }
}

function kindOf(status: number): OrchestratorErrorKind {
  if (status === 401 || status === 403) return "forbidden";
  if (status === 409) return "conflict";
  // 404 is here, since what is asked for by a write is missing around it, such as its namespace.
  const asksAgain = status === 0 || status === 408 || status === 410 || status === 429 || status >= 500;
  return asksAgain ? "unavailable" : "invalid";
}

/** @param what such as `apply StatefulSet "shop/bcs-collector-shop"`. */
export function orchestratorErrorOf(error: unknown, what: string): unknown {
  if (!(error instanceof KubeError)) return error;
  return new OrchestratorError(`Cannot ${what}: ${error.message}`, error.kind, { cause: error });
}
