import type { Context } from "hono";
import { nameProblem } from "../../../core/config/names.ts";
import type { Kind } from "../../../core/config/schema.ts";

export interface KeyOf<K extends Kind> {
  readonly clusterId: string;
  readonly kind: K;
  readonly namespace: string;
  readonly name: string;
}

/** The document that the path's parameters name. */
export function keyOf<K extends Kind>(context: Context, kind: K): KeyOf<K> {
  const parameter = (name: string) => context.req.param(name) ?? "";
  return { clusterId: parameter("clusterId"), kind, namespace: parameter("namespace"), name: parameter("name") };
}

/** Why no document can have this key; null when one can. */
export function keyProblem({ clusterId, namespace, name }: KeyOf<Kind>): string | null {
  for (const [what, value] of [["clusterId", clusterId], ["namespace", namespace], ["name", name]] as const) {
    const problem = nameProblem(value);
    if (problem !== null) return `${what} "${value}" ${problem}`;
  }
  return null;
}

/** The names of a comma list. */
export function namesIn(list: string): readonly string[] {
  return list.split(",").map((name) => name.trim()).filter((name) => name !== "");
}
