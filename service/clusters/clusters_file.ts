import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { readYamlFile } from "../../core/config/yaml_file.ts";
import { UserError } from "../../core/errors.ts";
import type { FileSystem } from "../../core/runtime/env.ts";

/** What every entry of a clusters file says. */
export const clusterFields = {
  clusterId: z.string().superRefine((value, context) => {
    const problem = nameProblem(value);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  }),
  namespaces: z.array(z.string().min(1)).default([]),
} as const;

/**
 * The entries of a clusters file, each cluster once.
 *
 * @param resolve What an entry leads to; `fail` makes the error of why it cannot.
 * @throws UserError with `line:column` when the file cannot be used.
 */
export async function readClustersFile<Entry extends { readonly clusterId: string }, Cluster>(
  path: string,
  entry: z.ZodType<Entry>,
  fs: Pick<FileSystem, "readFile">,
  resolve: (one: Entry, fail: (why: string, cause?: unknown) => Error) => Promise<Cluster>,
): Promise<Cluster[]> {
  const fail = (why: string, cause?: unknown) => new UserError(`Cannot use clusters file "${path}": ${why}`, { cause });
  const entries = await readYamlFile(path, z.array(entry).min(1).superRefine(refuseTwice), fs, fail);
  return await Promise.all(
    entries.map((one) => resolve(one, (why, cause) => fail(`cluster "${one.clusterId}": ${why}`, cause))),
  );
}

function refuseTwice(entries: readonly { readonly clusterId: string }[], context: z.core.$RefinementCtx): void {
  const ids = entries.map(({ clusterId }) => clusterId);
  for (const [index, id] of ids.entries()) {
    if (ids.indexOf(id) === index) continue;
    context.addIssue({ code: "custom", path: [index, "clusterId"], message: `cluster "${id}" is in it twice` });
  }
}
