import { messageOf } from "../../core/errors.ts";
import type { CreateEntry } from "../../core/store/create_entry.ts";
import { RevisionConflictError, type Store } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type Claim, claimPath, claimsFolder, epochOfPath, readClaim, writeClaim } from "./claim.ts";

/** The claims of all services over one store. Every failure to reach it is an error thrown. */
export interface Claims {
  /** The claim of the highest epoch, or null when there is none. */
  highest(): Promise<Claim | null>;
  /**
   * Creates the claim, and takes it back unless it is won: it is ours, none is higher, and there is none between it and
   * the epoch `after`. Returns whether it is won.
   */
  claim(claim: Claim, after: number): Promise<boolean>;
  /** Rewrites our claim. Returns false when it is gone or another is higher. */
  renew(claim: Claim): Promise<boolean>;
}

export interface ClaimsOptions {
  readonly store: Store;
  readonly create: CreateEntry;
  readonly log: Logger;
}

export function makeClaims(options: ClaimsOptions): Claims {
  return new StoredClaims(options);
}

class StoredClaims implements Claims {
  readonly #options: ClaimsOptions;

  constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  async highest(): Promise<Claim | null> {
    return (await this.#list())[0] ?? null;
  }

  async claim(claim: Claim, after: number): Promise<boolean> {
    if (!(await this.#options.create(claimPath(claim.epoch), writeClaim(claim)))) return false;
    // Who slept since it read may have created an epoch that was claimed, outrun and removed meanwhile.
    const [highest, ...lower] = await this.#list();
    const won = highest?.epoch === claim.epoch && lower.every(({ epoch }) => epoch <= after);
    await this.#remove(won ? lower : [claim]);
    return won;
  }

  async renew(claim: Claim): Promise<boolean> {
    const path = claimPath(claim.epoch);
    const present = await this.#options.store.get(path);
    if (present === null) return false;
    try {
      await this.#options.store.put(path, writeClaim(claim), present.revision);
    } catch (error) {
      if (error instanceof RevisionConflictError) return false;
      throw error;
    }
    return (await this.highest())?.epoch === claim.epoch;
  }

  /** Highest epoch first. */
  async #list(): Promise<Claim[]> {
    const entries = await this.#options.store.list(claimsFolder);
    const claims = entries.flatMap(({ path, text }) => {
      const epoch = epochOfPath(path);
      return epoch === null ? [] : [readClaim(epoch, text)];
    });
    return claims.toSorted((a, b) => b.epoch - a.epoch);
  }

  /** Claims that mean nothing any more do no harm: a failure to remove them waits for the next leader. */
  async #remove(claims: readonly Claim[]): Promise<void> {
    for (const { epoch } of claims) {
      try {
        await this.#options.store.delete(claimPath(epoch));
      } catch (error) {
        this.#options.log.warn({ epoch, reason: messageOf(error) }, "removing an old claim to lead failed");
      }
    }
  }
}
