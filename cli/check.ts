import { readdir, realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path/posix";
import { z } from "zod";
import { type CheckedFile, checkFiles } from "../core/config/check_files.ts";
import {
  type ConfigProblem,
  formatProblem,
  frequencyMinSecondsDefault,
  generatedBytesMax,
} from "../core/config/document.ts";
import { looksLikeDocumentPath } from "../core/config/key.ts";
import { byPlace } from "../core/config/yaml.ts";
import { errorCode, messageOf } from "../core/errors.ts";
import { readOptions } from "../core/options.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { readEntryFile } from "../core/store/entry_file.ts";

const definition = {
  name: "check",
  summary: "Validates configuration files, and the .yaml files of folders. Problems are shown as file:line:column.",
  positional: "FILE|DIR...",
  options: {
    frequencyMin: {
      value: "SECONDS",
      help: "lowest frequency of a metric",
      schema: z.coerce.number().int().min(1).default(frequencyMinSecondsDefault),
    },
  },
} as const;

/** The JSON Schemas for editors may lie in the volume, beside the clusters. */
const skippedFolders = new Set(["schema", "node_modules"]);

/**
 * `check FILE|DIR…`: prints each problem as `path:line:column: message` on standard error, and a summary. Returns the
 * exit code: 1 with problems, a path that does not exist being one, and 0 without.
 */
export async function checkCommand(argv: readonly string[]): Promise<number> {
  const { values, positional } = await readOptions(definition, argv, process.env);
  const files: CheckedFile[] = [];
  const problems: ConfigProblem[] = [];
  const named = (await Promise.all(positional.map(findFiles))).flat();
  // A file that is named twice, as by a folder and by itself, is checked once.
  for (const found of new Map(named.map((one) => [resolve(one.path), one])).values()) {
    const read = found.problem === null ? await readFile(found.path) : { problem: found.problem };
    if ("problem" in read) problems.push({ path: found.path, line: 1, column: 1, message: read.problem });
    else files.push({ path: found.path, folder: found.folder, absolutePath: resolve(found.path), text: read.text });
  }
  problems.push(...checkFiles(files, { frequencyMinSeconds: values.frequencyMin }));
  for (const problem of problems.toSorted(byPathAndPlace)) console.error(formatProblem(problem));
  if (problems.length === 0) {
    console.log(`${counted(files.length, "file")} checked, no problems`);
    return 0;
  }
  const bad = new Set(problems.map(({ path }) => path)).size;
  console.error(`${counted(problems.length, "problem")} in ${counted(bad, "file")}`);
  return 1;
}

export interface Found {
  readonly path: string;
  /** The folder that was named, absolute; null for a file that was named itself. */
  readonly folder: string | null;
  readonly problem: string | null;
}

/** The file that is named, or the .yaml files of the folder. */
export async function findFiles(path: string): Promise<Found[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ path, folder: null, problem: null }];
    const files = await filesBelow(path, resolve(path), new Set());
    return files.toSorted((a, b) => a.path < b.path ? -1 : 1);
  } catch (error) {
    const problem = errorCode(error) === "ENOENT" ? "no such file or folder" : messageOf(error);
    return [{ path, folder: null, problem }];
  }
}

/** `seen` holds the folders that were looked into, so that a link to one of them is not followed round and round. */
async function filesBelow(folder: string, named: string, seen: Set<string>): Promise<Found[]> {
  const real = await realpath(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  const found: Found[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // Hidden names are Git's, an editor's or the system's own, and never read from a volume.
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory() || (entry.isSymbolicLink() && await isFolder(path))) {
      if (!skippedFolders.has(entry.name)) found.push(...await filesBelow(path, named, seen));
    } else if (entry.name.endsWith(".yaml")) {
      found.push({ path, folder: named, problem: null });
    } else if (entry.name.endsWith(".yml") && isAtPlaceOfDocument(path)) {
      found.push({ path, folder: named, problem: "files that end in .yml are not read; rename it to .yaml" });
    }
  }
  return found;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    // A link that leads nowhere is no folder; reading it as a file says what is wrong.
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ELOOP") return false;
    throw error;
  }
}

function isAtPlaceOfDocument(path: string): boolean {
  return looksLikeDocumentPath(resolve(path).replace(/\.yml$/, ".yaml").split("/").slice(-4).join("/"));
}

function byPathAndPlace(a: ConfigProblem, b: ConfigProblem): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return byPlace(a, b);
}

/** The text of a file, or why it cannot be read. */
export async function readFile(path: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  const file = await readEntryFile(systemEnv, path, generatedBytesMax);
  if (file.found === "text") return { text: file.text };
  return { problem: file.found === "unreadable" ? file.reason : "it leads to no file" };
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
