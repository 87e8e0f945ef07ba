import type { CollectorIdentity } from "../../core/protocol/session.ts";
import type { Origin } from "../wal/wal.ts";

export type Claim<Holder> =
  | { readonly outcome: "granted"; readonly replaced: Holder | null }
  | { readonly outcome: "refused"; readonly newerEpoch: bigint };

/** Which connection speaks for each collector: at most one, that of its newest start. */
export class SessionDirectory<Holder> {
  readonly #holders = new Map<string, { readonly epoch: bigint; readonly holder: Holder }>();

  /** Makes `holder` the connection of the identity, unless a newer start of it is connected. */
  claim(origin: Origin, holder: Holder): Claim<Holder> {
    const key = keyOf(origin);
    const present = this.#holders.get(key);
    if (present !== undefined && present.epoch > origin.epoch) {
      return { outcome: "refused", newerEpoch: present.epoch };
    }
    this.#holders.set(key, { epoch: origin.epoch, holder });
    return { outcome: "granted", replaced: present?.holder ?? null };
  }

  /** Does nothing when another connection has replaced `holder`. */
  release(identity: CollectorIdentity, holder: Holder): void {
    const key = keyOf(identity);
    if (this.#holders.get(key)?.holder === holder) this.#holders.delete(key);
  }
}

/** Safe names hold no slash. */
function keyOf({ cluster, namespace, name }: CollectorIdentity): string {
  return `${cluster}/${namespace}/${name}`;
}
