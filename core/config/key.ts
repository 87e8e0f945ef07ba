import { nameProblem } from "./names.ts";
import { type Kind, kindFolders } from "./schema.ts";

/** What names a document: its place in the store (the seed's `{clusterId, type, namespace, name}`). */
export interface DocumentKey {
  readonly clusterId: string;
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

const kindsByFolder = new Map(Object.entries(kindFolders).map(([kind, folder]) => [folder as string, kind as Kind]));

/** `BCS-K8S-00001/metric/shop/cart.yaml`. */
export function documentPath(key: DocumentKey): string {
  return `${key.clusterId}/${kindFolders[key.kind]}/${key.namespace}/${key.name}.yaml`;
}

/** The key that a path stands for, or null when the path is not that of a document. */
export function keyOfPath(path: string): DocumentKey | null {
  const [clusterId, folder, namespace, file, ...rest] = path.split("/");
  if (clusterId === undefined || folder === undefined || namespace === undefined || file === undefined) return null;
  const kind = kindsByFolder.get(folder);
  if (rest.length > 0 || kind === undefined || !file.endsWith(".yaml")) return null;
  const name = file.slice(0, -".yaml".length);
  if ([clusterId, namespace, name].some((segment) => nameProblem(segment) !== null)) return null;
  return { clusterId, kind, namespace, name };
}
