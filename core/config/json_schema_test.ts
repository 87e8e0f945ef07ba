import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { jsonSchemaOf } from "./json_schema.ts";
import { type Kind, kindFolders } from "./schema.ts";

const folder = new URL("../../configs/schema/", import.meta.url);

test("the committed JSON Schemas are those of the present model; else run: bcs-metric schema --write configs/schema", async () => {
  for (const [kind, name] of Object.entries(kindFolders)) {
    const committed: unknown = JSON.parse(await readFile(new URL(`${name}.json`, folder), "utf8"));
    assert.deepEqual(committed, JSON.parse(JSON.stringify(jsonSchemaOf(kind as Kind))), kind);
  }
  const expected = Object.values(kindFolders).map((name) => `${name}.json`);
  assert.deepEqual((await readdir(folder)).toSorted(), expected.toSorted());
});

test("what has a default may be left out, and unknown keys are refused", () => {
  const schema = JSON.stringify(jsonSchemaOf("Metric"));
  assert.match(schema, /"required":\["version","uri","port"\],"additionalProperties":false/);
  assert.equal(jsonSchemaOf("Task")["$schema"], "https://json-schema.org/draft/2020-12/schema");
});
