import { join } from "node:path/posix";
import { writeAtomically } from "../../../core/runtime/atomic_write.ts";
import type { Env } from "../../../core/runtime/env.ts";
import type { KeyStore } from "./key_material.ts";

/** Keys in the folder of secrets, `FOLDER/CLUSTER/NAMESPACE/NAME`, which the collectors have to share. */
export function folderKeys(folder: string, env: Pick<Env, "fs" | "random">): KeyStore {
  return {
    store: ({ cluster, namespace }, name, key) =>
      writeAtomically(env, folder, join(cluster, namespace, name), new TextEncoder().encode(key.reveal())),
  };
}
