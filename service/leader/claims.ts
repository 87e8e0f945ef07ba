import { dirname, join } from "node:path/posix";
import { errorCode, messageOf } from "../../core/errors.ts";
import type { FileSystem } from "../../core/runtime/env.ts";
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

/**
 * Creates an entry that is not there: of any number of processes that try the same path, at the same instant and on
 * whatever machine, exactly one is told that it did. Returns false when it is there already.
 */
export type CreateEntry = (path: string, text: string) => Promise<boolean>;

export interface ClaimsOptions {
  readonly store: Store;
  readonly create: CreateEntry;
  readonly log: Logger;
}

export function makeClaims(options: ClaimsOptions): Claims {
  return new StoredClaims(options);
}

/** For a store whose conditional writes are exact between processes, such as etcd. */
export function createInStore(store: Store): CreateEntry {
  return async (path, text) => {
    try {
      await store.put(path, text, null);
      return true;
    } catch (error) {
      if (error instanceof RevisionConflictError) return false;
      throw error;
    }
  };
}

/**
 * For a volume, whose conditional writes are exact within one process only: the exclusive creation of a file is atomic
 * between processes of one machine, and on NFS from version 3 on. Who dies between creating the file and writing its
 * text leaves an empty one, which is a claim all the same.
 */
export function createOnVolume(fs: FileSystem, root: string): CreateEntry {
  return async (path, text) => {
    const file = join(root, path);
    await fs.makeDir(dirname(file));
    const handle = await openExclusively(fs, file);
    if (handle === null) return false;
    try {
      await handle.write(new TextEncoder().encode(text), 0);
      await handle.sync();
    } catch (error) {
      // As on a full disk. Nobody leads with this epoch then, so that it may be claimed again.
      await fs.remove(file);
      throw error;
    } finally {
      await handle.close();
    }
    await fs.syncDir(dirname(file));
    return true;
  };
}

async function openExclusively(fs: FileSystem, file: string) {
  try {
    return await fs.open(file, "exclusive");
  } catch (error) {
    if (errorCode(error) === "EEXIST") return null;
    throw error;
  }
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
