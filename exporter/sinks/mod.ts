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
 * Nothing is opened or connected until the first batch.
 * @throws UserError when an option is wrong, a type is not known, a name is not safe or taken, two sinks would write to
 *   one directory, a secret is not set, or `routes` is there: routing comes later, and every sink gets everything.
 */
export function readSinks(config: unknown, configPath: string, deps: SinkDeps): Sink[] {
  const where = configPath === "" ? "the configuration" : `"${configPath}"`;
  const { sinks, routes } = z.looseObject({}).parse(config ?? {});
  if (routes !== undefined) {
    throw new UserError(
      `Cannot use routes of ${where}: routing is not there yet, every sink gets everything; remove it`,
    );
  }
  const listed = sinks === undefined ? [{ name: "file", type: "file" }] : sinks;
  if (!Array.isArray(listed) || listed.length === 0) {
    throw new UserError(`Cannot use sinks of ${where}: expected a list with at least one of {name, type, …}`);
  }
  const context: SinkContext = { ...deps, configDir: configPath === "" ? "." : dirname(configPath) };
  const drafts: SinkDraft[] = [];
  return listed.map((one: unknown, index) => {
    try {
      const next = readDraft(one, context);
      checkDistinct(next, drafts);
      drafts.push(next);
      return next;
    } catch (error) {
      throw sinkError(error, one, index, where);
    }
  }).map((one, index) => {
    try {
      return one.create();
    } catch (error) {
      throw sinkError(error, listed[index], index, where);
    }
  });
}

function readDraft(config: unknown, context: SinkContext): SinkDraft {
  const { name, type } = sinkHead.parse(config);
  const problem = nameProblem(name);
  if (problem !== null) throw new RangeError(`name ${problem}`);
  const read = Object.hasOwn(sinkTypes, type) ? sinkTypes[type] : undefined;
  if (read === undefined) {
    throw new RangeError(`unknown type "${type}"; known are ${Object.keys(sinkTypes).join(", ")}`);
  }
  return read(config, context);
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
