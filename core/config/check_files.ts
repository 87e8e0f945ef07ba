import { CaseIndex } from "./case_index.ts";
import { type ConfigProblem, readDocument } from "./document.ts";
import { keyOfPath, looksLikeDocumentPath, readPath } from "./key.ts";

/** A file to be checked, as it was read. */
export interface CheckedFile {
  /** As it is shown to the user. */
  readonly path: string;
  /** The folder that the user named, absolute; null when the file itself was named. */
  readonly folder: string | null;
  readonly absolutePath: string;
  readonly text: string;
}

/**
 * Checks files that are not (yet) in a store, alone and against each other. What a file's place says is read from its
 * path below the folder that was named, if that folder is a volume's root: if at least one file in it lies as a
 * document does. Otherwise it is read from the last four segments of the path when they look like a document's, or
 * else the place is not checked. Returns the problems sorted by path and place.
 */
export function checkFiles(
  files: readonly CheckedFile[],
  options: { readonly frequencyMinSeconds: number },
): ConfigProblem[] {
  const roots = new Set(
    files.filter((file) => looksLikeDocumentPath(pathBelow(file) ?? "")).map(({ folder }) => folder),
  );
  const cases = new Map<string, CaseIndex>();
  const sorted = files.toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  return sorted.flatMap((file) => {
    const place = roots.has(file.folder) ? pathBelow(file) : lastSegments(file.absolutePath);
    const key = place === null ? null : keyOfPath(place);
    const read = readDocument(file.path, file.text, { ...options, key });
    const problems = read.ok ? [] : [...read.problems];
    if (place === null) return problems;
    const root = file.absolutePath.slice(0, -place.length);
    const index = cases.get(root) ?? new CaseIndex();
    cases.set(root, index);
    return [...placeProblems(file.path, place, index), ...problems];
  });
}

function placeProblems(path: string, place: string, index: CaseIndex): ConfigProblem[] {
  const read = readPath(place);
  if (!read.ok) return [{ path, line: 1, column: 1, message: read.problem }];
  const rival = index.rival(place);
  if (rival !== null) {
    const own = place.split("/")[rival.segment] ?? "";
    return [{ path, line: 1, column: 1, message: `"${own}" differs only in case from "${rival.spelling}"` }];
  }
  index.claim(place);
  return [];
}

function pathBelow({ folder, absolutePath }: CheckedFile): string | null {
  return folder !== null && absolutePath.startsWith(`${folder}/`) ? absolutePath.slice(folder.length + 1) : null;
}

function lastSegments(absolutePath: string): string | null {
  const place = absolutePath.split("/").slice(-4).join("/");
  return looksLikeDocumentPath(place) ? place : null;
}
