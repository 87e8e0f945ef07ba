import { cp, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemFileSystem } from "../../core/runtime/system_fs.ts";

/** Application file that is seeded only when a node_exporter listens. */
const nodeApplication = join("BCS-LOCAL", "application", "bcs-system", "node-exporter.yaml");

/**
 * Copies the example configuration into a volume that holds none yet, and leaves any other volume as it is.
 * `schema/` is for editors and stays behind. Returns whether it copied.
 */
export async function seedVolume(examples: string, volume: string, withNodeExporter: boolean): Promise<boolean> {
  await systemFileSystem.makeDir(volume);
  const present = (await readdir(volume)).filter((name) => !name.startsWith("."));
  if (present.length > 0) return false;
  const left = [join(examples, "schema"), ...(withNodeExporter ? [] : [join(examples, nodeApplication)])];
  for (const name of await readdir(examples)) {
    const source = join(examples, name);
    if (!(await stat(source)).isDirectory() || left.includes(source)) continue;
    await cp(source, join(volume, name), { recursive: true, filter: (path) => !left.includes(path) });
  }
  return true;
}
