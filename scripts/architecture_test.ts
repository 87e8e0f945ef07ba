import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
const ignored = new Set(["node_modules", "var"]);

function folders(parent: string): string[] {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !ignored.has(entry.name))
    .map((entry) => `${parent}${entry.name}/`);
}

test("every path that ARCHITECTURE.md names exists", () => {
  const named = [...text.matchAll(/`([A-Za-z0-9_.-]+\/[A-Za-z0-9_./-]*|[A-Za-z0-9_-]+\.(?:json|md))`/g)]
    .map((match) => match[1] ?? "");
  assert.ok(named.length > 20);
  assert.deepEqual(named.filter((path) => !existsSync(join(root, path))), []);
});

test("ARCHITECTURE.md has a line for every folder of the parts", () => {
  const parts = ["core/", "service/", "collector/", "exporter/"].flatMap((part) => folders(part));
  const all = [...folders(""), ...parts].filter((path) => !path.endsWith("/testing/") && !path.endsWith("/testdata/"));
  assert.deepEqual(all.filter((path) => !text.includes(`\`${path}\``)), []);
});
