/**
 * Checks the direction of imports: service, collector, exporter and cli import core and never each other; core
 * imports nothing of them. Only cli/main.ts starts a part, by a dynamic import of that part's main.ts.
 *
 *   node scripts/check_imports.ts     prints each import that goes the wrong way as file:line, exit code 1 if any
 */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const parts = ["core", "service", "collector", "exporter", "cli"] as const;
const importPattern =
  /(?:^|[\s;}])(?:import|export)\b(?!\s*\()[^"'`;]*?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** The imports that go the wrong way, each as `file:line: reason`. */
export function importProblems(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => importsOf(file).flatMap((found) => problem(file.path, found)));
}

interface Import {
  readonly line: number;
  readonly specifier: string;
  readonly dynamic: boolean;
}

function importsOf(file: SourceFile): Import[] {
  return [...file.text.matchAll(importPattern)].map((match) => ({
    line: file.text.slice(0, match.index + match[0].length).split("\n").length,
    specifier: match[1] ?? match[2] ?? "",
    dynamic: match[2] !== undefined,
  }));
}

function problem(path: string, found: Import): string[] {
  if (!found.specifier.startsWith(".")) return [];
  const from = topFolder(path);
  const to = normalize(join(dirname(path), found.specifier));
  const target = topFolder(to);
  const startsPart = path === "cli/main.ts" && found.dynamic && to === `${target}/main.ts`;
  const readsManifest = path === "core/version.ts" && to === "package.json";
  if (target === from || target === "core" || startsPart || readsManifest) return [];
  return [`${path}:${found.line}: ${from} must not import ${to}; it may import core only`];
}

function topFolder(path: string): string {
  return path.split("/")[0] ?? "";
}

function readSources(root: string): SourceFile[] {
  return parts.flatMap((part) =>
    readdirSync(join(root, part), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => {
        const path = join(root, part, name);
        return { path: relative(root, path), text: readFileSync(path, "utf8") };
      })
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = importProblems(readSources(fileURLToPath(new URL("..", import.meta.url))));
  for (const line of problems) console.error(line);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
