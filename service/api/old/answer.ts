import type { Context, MiddlewareHandler } from "hono";
import type { Clock } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import { DocumentError, type Documents } from "../../documents/documents.ts";
import { allows, identityOf, type Need } from "../auth.ts";
import { failure, OldApiError, type OldErrorName, success } from "./envelope.ts";
import type { KeyStore } from "./key_material.ts";

/** What the old API needs of the service. */
export interface OldApiDeps {
  readonly documents: Documents;
  readonly clock: Pick<Clock, "wallMs">;
  readonly log: Logger;
  /** Lowest frequency of a metric. */
  readonly frequencyMinSeconds: number;
  /** Where keys that clients send are kept; without it they are refused. */
  readonly keys?: KeyStore | undefined;
  /** Whether the store has been read completely since this process began. */
  storeRead(): boolean;
}

/** Answers with what `data` resolves to, or with why it does not; `error` is what the old service called that. */
export function answer(
  deps: OldApiDeps,
  error: OldErrorName,
  data: (context: Context) => unknown,
): (context: Context) => Promise<Response> {
  return async (context) => {
    if (!deps.storeRead()) return failure(context, "notReady", "the store has not been read yet");
    try {
      return success(context, await data(context));
    } catch (thrown) {
      const known = asOldError(thrown, error);
      if (known !== null) return failure(context, known.error, known.detail);
      deps.log.error({ err: thrown, path: context.req.path }, "answering a request of the old API failed");
      return failure(context, error, "the service's log has the reason");
    }
  };
}

/**
 * What went wrong as the old API has it; null for a defect of ours.
 * @param operation what a refusal is called that the old service did not tell apart.
 */
export function asOldError(thrown: unknown, operation: OldErrorName): OldApiError | null {
  if (thrown instanceof OldApiError) return thrown;
  if (!(thrown instanceof DocumentError)) return null;
  if (thrown.code === "unavailable") return new OldApiError("storageMissing", thrown.message);
  const isInvalidMetric = thrown.code === "invalid" && operation === "setMetric";
  return new OldApiError(isInvalidMetric ? "invalidMetric" : operation, thrown.message);
}

/** @throws OldApiError `forbidden` when the sender may not do what is needed. */
export function requireOld(context: Context, need: Extract<Need, { readonly namespace: string }>): void {
  const identity = identityOf(context);
  if (allows(identity, need)) return;
  const where = `namespace ${need.clusterId}/${need.namespace}`;
  throw new OldApiError("forbidden", `the token "${identity.name}" does not allow "${need.action}" in ${where}`);
}

/** Who changes a document, for its log. */
export function writerOf(context: Context): string {
  return `${identityOf(context).name} (old API)`;
}

/** Lets old clients read why they were refused before their route was reached. */
export function oldRefusals(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { status } = context.res;
    if (status !== 401 && status !== 403) return;
    const read: unknown = await context.res.clone().json().catch(() => null);
    const detail = typeof read === "object" && read !== null && "detail" in read ? String(read.detail) : "";
    // What the route itself has refused is in the envelope already.
    if (detail === "") return;
    const refusal = failure(context, status === 401 ? "unauthorized" : "forbidden", detail);
    const challenge = context.res.headers.get("www-authenticate");
    if (challenge !== null) refusal.headers.set("www-authenticate", challenge);
    context.res = undefined;
    context.res = refusal;
  };
}
