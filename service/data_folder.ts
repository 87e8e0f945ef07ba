import { join } from "node:path/posix";
import { messageOf, UserError } from "../core/errors.ts";
import type { FileSystem } from "../core/runtime/env.ts";

/**
 * Makes the data folder, if it is missing, and proves that it can be written.
 * @throws UserError that says what to do when it cannot.
 */
export async function prepareDataFolder(fs: FileSystem, folder: string): Promise<void> {
  try {
    await fs.makeDir(folder);
    // Making a folder that is there needs no right to write in it; a file does.
    const probe = await fs.open(join(folder, ".writable"), "create");
    await probe.close();
  } catch (error) {
    const advice = "choose a folder with --data that this user may write to";
    throw new UserError(`Cannot use "${folder}" as the data folder: ${messageOf(error)}; ${advice}`, { cause: error });
  }
}
