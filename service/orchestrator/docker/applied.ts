import { z } from "zod";
import { parseJson } from "../../../core/json.ts";
import type { Difference } from "../workload.ts";
import type { FoundContainer } from "./engine_schema.ts";
import { labelNames } from "./labels.ts";

/**
 * What a container was made with, as far as somebody else may change it: he makes it anew with the same labels, leaves
 * a network, or changes its limits. The engine cannot tell who did what, so it is kept in a label.
 */
const appliedSchema = z.object({
  image: z.string(),
  arguments: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  /** Bytes; 0: no limit. */
  memory: z.number(),
  nanoCpus: z.number(),
  networks: z.array(z.string()),
});
export type Applied = z.output<typeof appliedSchema>;

/** Null for a container that somebody else made. */
export function appliedOf(found: FoundContainer): Applied | null {
  const text = found.Config.Labels[labelNames.applied];
  const read = text === undefined ? null : appliedSchema.safeParse(parseJson(text));
  return read?.success === true ? read.data : null;
}

/** What somebody else changed of what was applied, sorted by field; what he added is none of it. */
export function driftOf(found: FoundContainer, applied: Applied): Difference[] {
  const env = variablesOf(found.Config.Env);
  const differences: Difference[] = [
    ...changedIn("env", applied.env, env),
    ...changedIn("labels", applied.labels, found.Config.Labels),
    ...changed("image", applied.image, found.Config.Image),
    ...changed("arguments", applied.arguments.join(" "), found.Config.Cmd.join(" ")),
    ...changed("memory", String(applied.memory), String(found.HostConfig.Memory)),
    ...changed("cpus", String(applied.nanoCpus / 1e9), String(found.HostConfig.NanoCpus / 1e9)),
    ...missingNetworks(found, applied).map((name) => ({ field: `networks.${name}`, applied: "joined", found: "" })),
  ];
  // A container that ends by itself is started again by the engine; this one was stopped by somebody.
  if (isStopped(found)) differences.push({ field: "state", applied: "running", found: found.State.Status });
  return differences.toSorted((a, b) => a.field < b.field ? -1 : a.field > b.field ? 1 : 0);
}

/** Differences that only another container can mend. */
export function needsAnother(differences: readonly Difference[]): boolean {
  return differences.some(({ field }) => /^(env|labels|image|arguments)(\.|$)/.test(field));
}

export function missingNetworks(found: FoundContainer, applied: Applied): string[] {
  return applied.networks.filter((name) => !Object.hasOwn(found.NetworkSettings.Networks, name));
}

export function isStopped(found: FoundContainer): boolean {
  return found.State.Status === "exited" || found.State.Status === "dead" || found.State.Status === "created";
}

/** `NAME=VALUE` as the engine has it, by name. */
export function variablesOf(env: readonly string[]): Record<string, string> {
  return Object.fromEntries(env.map((text): [string, string] => {
    const end = text.indexOf("=");
    return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)];
  }));
}

export function variableList(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, value]) => `${name}=${value}`);
}

function changedIn(
  field: string,
  applied: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): Difference[] {
  return Object.entries(applied).flatMap(([name, value]) => changed(`${field}.${name}`, value, found[name] ?? ""));
}

function changed(field: string, applied: string, found: string): Difference[] {
  return applied === found ? [] : [{ field, applied, found }];
}
