import { OrchestratorError } from "../orchestrator.ts";
import type { Workload } from "../workload.ts";

/**
 * Refuses what a template asks for that reaches beyond its container: it may come from whoever may write Collector
 * documents, and the service must not lend them its own rights on the cluster.
 *
 * @throws OrchestratorError that names the first such field.
 */
export function refuseUnsafe({ name, template }: Workload, allowed: boolean): void {
  const found = allowed ? null : unsafeField(template, "");
  if (found === null) return;
  const why = `its template asks for ${found}; --mesos-unsafe-templates allows it`;
  throw new OrchestratorError(`Cannot apply workload "${name}": ${why}`, "invalid");
}

/** Path of the first field that gives privileges, a folder of the host, or arguments to Docker itself; else null. */
function unsafeField(value: unknown, path: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  for (const [name, member] of Object.entries(value)) {
    const at = path === "" ? name : `${path}.${name}`;
    const isUnsafe = (name === "privileged" && member === true) || (name === "hostPath" && member !== "")
      || (name === "parameters" && Array.isArray(member) && member.length > 0);
    const found = isUnsafe ? at : unsafeField(member, at);
    if (found !== null) return found;
  }
  return null;
}
