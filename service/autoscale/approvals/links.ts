import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Secret } from "../../../core/secrets/secret.ts";
import type { Approval } from "./approval.ts";

export const linkActions = ["approve", "reject"] as const;
export type LinkAction = (typeof linkActions)[number];

/** Below this every path is a link's, which asks for no token: its signature is what lets in. */
export const linkPrefix = "/approvals/";

/**
 * A link lets whoever has it decide one plan in one way, once, until it expires:
 *
 *     <base>/approvals/<id>/<approve|reject>?expires=<Unix milliseconds>&signature=<base64url>
 *
 * The signature is HMAC-SHA256 of `bcs-metric approval 1`, action, id, hash of the plan, nonce and expiry, each on a
 * line of its own. Neither hash nor nonce is in the link: they come from the approval that it is checked against, so
 * that a link is good for exactly that plan.
 */
export class Links {
  readonly #key: () => Secret | null;
  readonly #base: () => string;

  /**
   * @param key null while it is not known.
   * @param base URL under which people reach a service, without a slash at its end.
   */
  constructor(key: () => Secret | null, base: () => string) {
    this.#key = key;
    this.#base = base;
  }

  /** Whether links can be made and checked. */
  get ready(): boolean {
    return this.#key() !== null;
  }

  /** @throws Error while it is not {@link ready}. */
  make(action: LinkAction, approval: Approval): string {
    const { id, expiresAtMs } = approval;
    const query = `expires=${expiresAtMs}&signature=${this.#sign(action, approval, expiresAtMs)}`;
    return `${this.#base()}${linkPrefix}${id}/${action}?${query}`;
  }

  /** Whether the signature is that of this approval's link. The time taken tells nothing of how far it is right. */
  isGood(action: LinkAction, approval: Approval, expires: string, signature: string): boolean {
    const wanted = Buffer.from(this.#sign(action, approval, approval.expiresAtMs));
    const given = Buffer.from(signature);
    return expires === String(approval.expiresAtMs) && wanted.length === given.length && timingSafeEqual(wanted, given);
  }

  #sign(action: LinkAction, { id, hash, nonce }: Approval, expiresAtMs: number): string {
    const key = this.#key();
    if (key === null) throw new Error("Cannot sign a link: there is no key yet");
    const text = ["bcs-metric approval 1", action, id, hash, nonce, String(expiresAtMs)].join("\n");
    return createHmac("sha256", key.reveal()).update(text).digest("base64url");
  }
}
