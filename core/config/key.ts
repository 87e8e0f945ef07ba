import { nameProblem } from "./names.ts";
import { type Kind, kindFolders } from "./schema.ts";
import { suggestion } from "./suggest.ts";

/** What names a document: its place in the store (the seed's `{clusterId, type, namespace, name}`). */
export interface DocumentKey {
  readonly clusterId: string;
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

const extension = ".yaml";
const kindsByFolder = new Map(Object.entries(kindFolders).map(([kind, folder]) => [folder as string, kind as Kind]));
const folders = [...kindsByFolder.keys()];

/** `BCS-K8S-00001/metric/shop/cart.yaml`. */
export function documentPath(key: DocumentKey): string {
  return `${key.clusterId}/${kindFolders[key.kind]}/${key.namespace}/${key.name}${extension}`;
}

/** The key that a path stands for, or null when the path is not that of a document. */
export function keyOfPath(path: string): DocumentKey | null {
  const read = readPath(path);
  return read.ok ? read.key : null;
}

/** Whether a path has the form of a document's, though its names may be bad. */
export function looksLikeDocumentPath(path: string): boolean {
  const segments = path.split("/");
  return segments.length === 4 && kindsByFolder.has(segments[1] ?? "") && path.endsWith(extension);
}

/** The key that a path stands for, or why it is not the path of a document. */
export function readPath(
  path: string,
): { readonly ok: true; readonly key: DocumentKey } | { readonly ok: false; readonly problem: string } {
  const [clusterId, folder, namespace, file, ...rest] = path.split("/");
  if (clusterId === undefined || folder === undefined || namespace === undefined || file === undefined) {
    return misplaced();
  }
  if (rest.length > 0 || !file.endsWith(extension)) return misplaced();
  const kind = kindsByFolder.get(folder);
  if (kind === undefined) {
    const problem = `no kind of document lives in a folder "${folder}"${suggestion(folder, folders)}`;
    return { ok: false, problem };
  }
  const name = file.slice(0, -extension.length);
  for (const [what, segment] of [["clusterId", clusterId], ["namespace", namespace], ["name", name]] as const) {
    const problem = nameProblem(segment);
    if (problem !== null) return { ok: false, problem: `the ${what} "${segment}" in the file's path ${problem}` };
  }
  return { ok: true, key: { clusterId, kind, namespace, name } };
}

function misplaced(): { ok: false; problem: string } {
  const place = `<clusterId>/<${folders.join("|")}>/<namespace>/<name>${extension}`;
  return { ok: false, problem: `the file is not at the place of a document: ${place}` };
}
