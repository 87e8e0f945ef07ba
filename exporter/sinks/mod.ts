import { dirname } from "node:path";
import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { messageOf, UserError } from "../../core/errors.ts";
import type { Sink } from "../sink.ts";
import { type SinkContext, type SinkDeps, type SinkDraft, sinkTypes } from "./sink_types.ts";

export type { SinkDeps } from "./sink_types.ts";

const sinkHead = z.looseObject({ name: z.string(), type: z.string() });

/**
 * Makes the sinks that the `sinks` of an exporter's configuration lists; without that key, one of type `file`.
 * `configPath` is the file it was read from ("" for none): errors name it, and relative paths start from its directory.
 * No destination is asked for anything until the first batch; a sink that listens does so from now on, and a module is
 * loaded.
 * @throws UserError when an option is wrong, a type is not known, a name is not safe or taken, two sinks would write to
 *   one directory, a secret is not set, or `routes` is there: routing comes later, and every sink gets everything.
 */
export async function readSinks(config: unknown, configPath: string, deps: SinkDeps): Promise<Sink[]> {
  const where = configPath === "" ? "the configuration" : `"${configPath}"`;
  const { sinks } = z.looseObject({}).parse(config ?? {});
  const listed = sinks === undefined ? [{ name: "file", type: "file" }] : sinks;
  if (!Array.isArray(listed) || listed.length === 0) {
    throw new UserError(`Cannot use sinks of ${where}: expected a list with at least one of {name, type, …}`);
  }
  const context: SinkContext = { ...deps, configDir: configPath === "" ? "." : dirname(configPath) };
  const drafts: SinkDraft[] = [];
  for (const [index, one] of listed.entries()) {
    try {
      const next = await readDraft(one, context);
      checkDistinct(next, drafts);
      drafts.push(next);
    } catch (error) {
      throw sinkError(error, one, index, where);
    }
  }
  return await createAll(drafts, (error, index) => sinkError(error, listed[index], index, where));
}

/** All of the sinks or none: when one cannot be made, those that were are closed. */
async function createAll(
  drafts: readonly SinkDraft[],
  explain: (error: unknown, index: number) => unknown,
): Promise<Sink[]> {
  const sinks: Sink[] = [];
  for (const [index, draft] of drafts.entries()) {
    try {
      sinks.push(await draft.create());
    } catch (error) {
      await Promise.all(sinks.map((sink) => sink.close()));
      throw explain(error, index);
    }
  }
  return sinks;
}

async function readDraft(config: unknown, context: SinkContext): Promise<SinkDraft> {
  const { name, type } = sinkHead.parse(config);
  const problem = nameProblem(name);
  if (problem !== null) throw new RangeError(`name ${problem}`);
  const read = Object.hasOwn(sinkTypes, type) ? sinkTypes[type] : undefined;
  if (read === undefined) {
    throw new RangeError(`unknown type "${type}"; known are ${Object.keys(sinkTypes).join(", ")}`);
  }
  return await read(config, context);
}

/** Names that differ only in case are one file on some file systems. */
function checkDistinct(next: SinkDraft, others: readonly SinkDraft[]): void {
  for (const other of others) {
    if (other.name.toLowerCase() === next.name.toLowerCase()) {
      throw new RangeError(`the name is taken by "${other.name}"`);
    }
    if (next.place !== null && other.place === next.place) {
      throw new RangeError(`"${other.name}" writes to "${next.place}" already; give one of them another path`);
    }
  }
}

function sinkError(error: unknown, config: unknown, index: number, where: string): unknown {
  const named = z.looseObject({ name: z.string() }).safeParse(config).data;
  const which = named === undefined ? `sink ${index + 1}` : `sink "${named.name}"`;
  const why = error instanceof z.ZodError ? error.issues.map(describeIssue).join("; ") : messageOf(error);
  if (!(error instanceof z.ZodError) && !(error instanceof RangeError)) return error;
  return new UserError(`Cannot use ${which} of ${where}: ${why}`, { cause: error });
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const message = issue.code === "invalid_key" ? issue.issues[0]?.message ?? issue.message : issue.message;
  return issue.path.length === 0 ? message : `${issue.path.join(".")}: ${message}`;
}
