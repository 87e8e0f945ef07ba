import { createHmac } from "node:crypto";
import type { Clock } from "../../../core/runtime/env.ts";
import type { HttpFetch } from "../http_fetch.ts";
import type { Message, Notifier } from "./notifier.ts";
import { postJson } from "./post_json.ts";

export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What the signature is made with; "" for none. */
  readonly secret: () => string;
  readonly fetch: HttpFetch;
  readonly clock: Pick<Clock, "wallMs">;
}

/**
 * Posts JSON: `{id, state, title, lines, links, approval: {id, clusterId, namespace, hash, expiresAtMs, plan}}`. With a
 * secret it is signed: `X-Bcs-Metric-Signature: sha256=<hex>` is HMAC-SHA256 of `<X-Bcs-Metric-Timestamp>.<body>`, the
 * timestamp in Unix seconds. `id` is the same for each attempt.
 */
export function makeWebhook({ name, url, headers, secret, fetch, clock }: WebhookOptions): Notifier {
  return {
    name,
    async notify(message) {
      const body = JSON.stringify(bodyOf(message));
      const timestamp = String(Math.floor(clock.wallMs() / 1000));
      const signature = createHmac("sha256", secret()).update(`${timestamp}.${body}`).digest("hex");
      const signed = secret() === "" ? {} : { "x-bcs-metric-signature": `sha256=${signature}` };
      const own = { "x-bcs-metric-timestamp": timestamp, "x-bcs-metric-delivery": message.id };
      await postJson(fetch, url, body, { ...headers, ...own, ...signed });
    },
  };
}

function bodyOf({ id, state, title, lines, links, approval }: Message) {
  const { id: approvalId, clusterId, namespace, hash, expiresAtMs, plan } = approval;
  return {
    id,
    state,
    title,
    lines,
    links,
    approval: { id: approvalId, clusterId, namespace, hash, expiresAtMs, plan },
  };
}
