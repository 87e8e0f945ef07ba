import { UserError } from "../errors.ts";
import type { Env } from "../runtime/env.ts";
import type { Logger } from "../telemetry/log.ts";
import { openEtcd } from "./etcd_store.ts";
import type { Store } from "./store.ts";
import { parseStoreUrl, placeProblem, type StorePlace } from "./store_place.ts";
import { openVolume } from "./volume_store.ts";

/**
 * Opens the store that the options name.
 * @throws UserError that says what to do when they name none or two, or when it cannot be used.
 */
export async function openStore(
  options: StorePlace & { readonly env: Pick<Env, "clock" | "fs" | "random">; readonly log: Logger },
): Promise<Store> {
  const { volume, store, env, log } = options;
  const problem = placeProblem(options);
  if (problem !== null) throw new UserError(problem);
  if (store !== undefined) return await openEtcd({ ...parseStoreUrl(store), env, log });
  return await openVolume({ root: volume ?? "", env, log });
}
