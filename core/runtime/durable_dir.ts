import { dirname } from "node:path";
import type { FileSystem } from "./env.ts";

/** Makes a directory and its missing parents so that they survive a power cut. One that is there is left alone. */
export async function makeDurableDir(fs: FileSystem, path: string): Promise<void> {
  if (await fs.stat(path) !== null) return;
  const parent = dirname(path);
  await makeDurableDir(fs, parent);
  await fs.makeDir(path);
  await fs.syncDir(parent);
}
