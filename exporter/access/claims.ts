import type { CollectorIdentity } from "../../core/protocol/session.ts";
import type { Target } from "../../core/protocol/shape.ts";
import type { Grant } from "./access.ts";

type Place = Omit<CollectorIdentity, "name">;

/**
 * Why a target is not its sender's: its `cluster` or `namespace` label names another one than the session's, or its
 * data id is not among those granted. Null when there is nothing against it.
 */
export function targetProblem({ labels, dataId }: Target, place: Place, { dataIds }: Grant): string | null {
  for (const { name, value } of labels) {
    if ((name === "cluster" || name === "namespace") && value !== place[name]) {
      return `the target's label ${name}="${value}" is not "${place[name]}"`;
    }
  }
  return dataId === 0 ? null : dataIdProblem(dataId, dataIds);
}

/**
 * The same for a record of type 1 or 3, whose JSON may tell a data id, when the frame does not, and a namespace. A
 * body that is no JSON tells nothing, and is its sender's as long as the frame's data id is. `place` is null for a
 * record that came without a session.
 */
export function recordProblem(id: bigint, body: Uint8Array, place: Place | null, grant: Grant): string | null {
  const record = parse(body);
  const dataId = id === 0n ? record["dataid"] : Number(id);
  if (id !== 0n || dataId !== undefined) {
    const problem = dataIdProblem(dataId, grant.dataIds);
    if (problem !== null) return problem;
  } else if (grant.dataIds !== null) {
    return "the record has no data id";
  }
  const meta = asObject(record["objmeta"]);
  return placeProblem(meta["clusterName"], meta["namespace"], place, grant);
}

function placeProblem(cluster: unknown, namespace: unknown, place: Place | null, grant: Grant): string | null {
  const isTold = (value: unknown) => value !== undefined && value !== null && value !== "";
  if (!isTold(cluster) && !isTold(namespace)) return null;
  if (place !== null) {
    if (isTold(cluster) && cluster !== place.cluster) return `the record's cluster is not "${place.cluster}"`;
    if (isTold(namespace) && namespace !== place.namespace) return `the record's namespace is not "${place.namespace}"`;
    return null;
  }
  const granted = grant.namespaces.some((scope) => {
    const [scopeCluster, scopeNamespace] = scope.split("/");
    if (scope === "*") return true;
    if (isTold(cluster) && cluster !== scopeCluster) return false;
    return !isTold(namespace) || scopeNamespace === "*" || namespace === scopeNamespace;
  });
  return granted ? null : "the record is of a namespace that is not granted";
}

function dataIdProblem(dataId: unknown, dataIds: readonly number[] | null): string | null {
  if (dataIds === null) return null;
  return dataIds.some((granted) => granted === dataId) ? null : `data id ${String(dataId)} is not granted`;
}

function parse(body: Uint8Array): Record<string, unknown> {
  try {
    return asObject(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)));
  } catch {
    return {};
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
}
