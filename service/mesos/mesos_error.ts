import { OrchestratorError, type OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";

/** BCS or Marathon did not do what was asked of it. */
export class MesosError extends Error {
  override name = "MesosError";
  readonly kind: OrchestratorErrorKind;
  /** HTTP status of the answer; 0 when there was none. */
  readonly status: number;

  constructor(
    message: string,
    details: { readonly kind?: OrchestratorErrorKind; readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.status = details.status ?? 0;
    this.kind = details.kind ?? kindOfStatus(this.status);
  }

  /** Whether what was asked for is not there. */
  get isMissing(): boolean {
    return this.status === 404;
  }
}

function kindOfStatus(status: number): OrchestratorErrorKind {
  if (status === 401 || status === 403) return "forbidden";
  if (status === 409) return "conflict";
  return status === 0 || status === 408 || status === 429 || status >= 500 ? "unavailable" : "invalid";
}

/** @param what such as `apply workload "shop/bcs-collector-shop"`. */
export function mesosFailure(error: unknown, what: string): unknown {
  if (!(error instanceof MesosError)) return error;
  return new OrchestratorError(`Cannot ${what}: ${error.message}`, error.kind, { cause: error });
}
