import { appliedOf, variableList, variablesOf } from "./applied.ts";
import type { FoundContainer } from "./engine_schema.ts";
import type { Recipe } from "./recipe.ts";

/** What an image gives each of its containers. */
export interface ImageDefaults {
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The body for a container that takes the place of another one: what somebody else gave that one stays, where the
 * recipe does not name it. What we had applied, or the image had given, does not.
 */
export function takeOver(recipe: Recipe, found: FoundContainer, defaults: ImageDefaults): Record<string, unknown> {
  const applied = appliedOf(found);
  const theirEnv = without(variablesOf(found.Config.Env), applied?.env ?? {}, variablesOf(defaults.env));
  const theirLabels = without(found.Config.Labels, applied?.labels ?? {}, defaults.labels);
  const { body } = recipe;
  const { Env, Labels, HostConfig } = body as { Env: string[]; Labels: Record<string, string>; HostConfig: Host };
  return {
    ...body,
    Env: variableList({ ...theirEnv, ...variablesOf(Env) }),
    Labels: { ...theirLabels, ...Labels },
    HostConfig: { ...theirHost(found, HostConfig), ...HostConfig, Mounts: mounts(found, HostConfig) },
  };
}

/** Networks that somebody else joined the container to. */
export function theirNetworks(recipe: Recipe, found: FoundContainer): string[] {
  const ours = new Set([...appliedOf(found)?.networks ?? [], ...recipe.networks, "bridge", "host", "none"]);
  return Object.keys(found.NetworkSettings.Networks).filter((name) => !ours.has(name));
}

type Host = Record<string, unknown> & { Mounts?: readonly { Target?: string }[] };

function theirHost(found: FoundContainer, ours: Host): Record<string, unknown> {
  const { Binds, ExtraHosts, Dns } = found.HostConfig;
  const given = Object.entries({ Binds, ExtraHosts, Dns }).filter(([name, value]) =>
    Array.isArray(value) && value.length > 0 && !Object.hasOwn(ours, name)
  );
  return Object.fromEntries(given);
}

function mounts(found: FoundContainer, { Mounts = [] }: Host): unknown[] {
  const targets = new Set(Mounts.map(({ Target }) => Target));
  return [...Mounts, ...(found.HostConfig.Mounts ?? []).filter(({ Target }) => !targets.has(Target))];
}

/** Without our labels, which are all made anew; and without what one of the others says of the same name. */
function without(
  found: Readonly<Record<string, string>>,
  applied: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(found).filter(([name, value]) =>
      !name.startsWith("bcs-metric.") && !Object.hasOwn(applied, name) && given[name] !== value
    ),
  );
}
