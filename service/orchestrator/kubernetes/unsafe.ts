import { isObject, type Json, type JsonObject } from "./overlay.ts";

/**
 * What a pod asks for that reaches beyond itself. A template may come from whoever may write a Collector document, and
 * the service must not lend them its own rights on the cluster.
 *
 * @param pod spec of a pod.
 * @returns the fields, such as `hostPID`; none for a pod that is as ours are.
 */
export function unsafeFields(pod: JsonObject): string[] {
  const found: string[] = [];
  const note = (bad: boolean, field: string) => void (bad && found.push(field));
  note(pod["hostPID"] === true, "hostPID");
  note(pod["hostIPC"] === true, "hostIPC");
  note(pod["serviceAccountName"] !== undefined || pod["serviceAccount"] !== undefined, "serviceAccountName");
  note(pod["automountServiceAccountToken"] === true, "automountServiceAccountToken");
  noteSecurity(pod["securityContext"], "securityContext", note);
  for (const volume of objectsOf(pod["volumes"])) {
    note(volume["hostPath"] !== undefined, `volumes.${nameOf(volume)}.hostPath`);
  }
  for (const list of ["containers", "initContainers", "ephemeralContainers"]) {
    for (const container of objectsOf(pod[list])) {
      noteSecurity(container["securityContext"], `${list}.${nameOf(container)}.securityContext`, note);
    }
  }
  return found;
}

function noteSecurity(context: Json | undefined, path: string, note: (bad: boolean, field: string) => void): void {
  if (!isObject(context)) return;
  note(context["privileged"] === true, `${path}.privileged`);
  note(context["allowPrivilegeEscalation"] === true, `${path}.allowPrivilegeEscalation`);
  note(context["runAsNonRoot"] === false, `${path}.runAsNonRoot`);
  note(context["runAsUser"] === 0, `${path}.runAsUser`);
  const { capabilities } = context;
  note(isObject(capabilities) && capabilities["add"] !== undefined, `${path}.capabilities.add`);
  note(context["sysctls"] !== undefined, `${path}.sysctls`);
}

function objectsOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter(isObject) : [];
}

function nameOf({ name }: JsonObject): string {
  return typeof name === "string" ? name : "";
}
