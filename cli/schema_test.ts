import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock, test } from "node:test";
import { fileURLToPath } from "node:url";
import { UserError } from "../core/errors.ts";
import { schemaCommand } from "./schema.ts";

async function printed(...argv: string[]): Promise<Record<string, unknown>> {
  const chunks: string[] = [];
  const write = mock.method(process.stdout, "write", (chunk: unknown) => {
    chunks.push(String(chunk));
    return true;
  });
  try {
    assert.equal(await schemaCommand(argv), 0);
  } finally {
    write.mock.restore();
  }
  return JSON.parse(chunks.find((chunk) => chunk.startsWith("{")) ?? "");
}

test("one schema is printed, or all by their kinds", async () => {
  const metric = await printed("metric");
  assert.equal(metric["title"], "bcs-metric Metric");
  const all = await printed();
  assert.deepEqual(Object.keys(all), ["Metric", "Task", "Application", "Collector", "Collection"]);
  assert.deepEqual(all["Metric"], metric);
});

test("a kind that there is not is refused", async () => {
  await assert.rejects(schemaCommand(["Metrik"]), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /Cannot print the schema of "Metrik": there is no such kind; did you mean Metric\?/);
    return true;
  });
});

test("the schemas are written as they are committed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-schema-"));
  const committed = fileURLToPath(new URL("../configs/schema", import.meta.url));
  try {
    assert.equal(await schemaCommand(["--write", join(folder, "new")]), 0);
    const names = (await readdir(join(folder, "new"))).toSorted();
    assert.deepEqual(names, (await readdir(committed)).toSorted());
    for (const name of names) {
      const want = await readFile(join(committed, name), "utf8");
      assert.equal(await readFile(join(folder, "new", name), "utf8"), want, name);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
