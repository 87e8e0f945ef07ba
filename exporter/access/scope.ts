import { nameProblem } from "../../core/config/names.ts";

/** Whether a text is `<clusterId>/<namespace>` or `<clusterId>/*`. */
export function isNamespaceScope(text: string): boolean {
  const [cluster = "", namespace = "", ...rest] = text.split("/");
  return rest.length === 0 && nameProblem(cluster) === null && (namespace === "*" || nameProblem(namespace) === null);
}
