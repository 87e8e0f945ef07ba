import { OrchestratorError, type OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";

export interface ApiErrorDetails {
  /** By default what the status means. */
  readonly kind?: OrchestratorErrorKind;
  readonly status?: number;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** The API of a cluster did not do what was asked of it. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly kind: OrchestratorErrorKind;
  /** HTTP status of its answer; 0 when there was none. */
  readonly status: number;
  /** How long it asks to be left in peace; null when it does not say. */
  readonly retryAfterMs: number | null;

  constructor(message: string, details: ApiErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.status = details.status ?? 0;
    this.kind = details.kind ?? kindOf(this.status);
    this.retryAfterMs = details.retryAfterMs ?? null;
  }

  /** Whether what was asked for, or its whole kind, is not there. */
  get isMissing(): boolean {
    return this.status === 404;
  }
}

function kindOf(status: number): OrchestratorErrorKind {
  if (status === 401 || status === 403) return "forbidden";
  if (status === 409) return "conflict";
  // With 410 a server of Kubernetes has forgotten the list or the version that was asked for.
  const asksAgain = status === 0 || status === 408 || status === 410 || status === 429 || status >= 500;
  return asksAgain ? "unavailable" : "invalid";
}

/** @param what such as `apply StatefulSet "shop/bcs-collector-shop"`. */
export function orchestratorErrorOf(error: unknown, what: string): unknown {
  if (!(error instanceof ApiError)) return error;
  return new OrchestratorError(`Cannot ${what}: ${error.message}`, error.kind, { cause: error });
}
