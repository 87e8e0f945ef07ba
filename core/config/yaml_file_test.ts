import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { UserError } from "../errors.ts";
import { readYamlFile } from "./yaml_file.ts";

const schema = z.strictObject({ names: z.array(z.string().min(2)).max(2) });

function read(text: string | Uint8Array | null) {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const fs = {
    readFile: () => bytes === null ? Promise.reject(new Error("it is not there")) : Promise.resolve(bytes.slice()),
  };
  return readYamlFile("/a.yaml", schema, fs, (why) => new UserError(`Cannot use "/a.yaml": ${why}`));
}

test("a file that fits its schema is what it says", async () => {
  assert.deepEqual(await read("names: [ab, cd] # both\n"), { names: ["ab", "cd"] });
});

test("what is wrong is said with its place and field, all of it at once", async () => {
  const cases: [string | Uint8Array | null, RegExp][] = [
    [null, /: it is not there$/],
    [new Uint8Array([0xff]), /"\/a\.yaml": \S/],
    ["names: [ab\n", /: \d+:\d+: /],
    ["names:\n  - ab\n  - c\n", /: 3:5: names\.1: [^;]+$/],
    ["names: [a]\nmore: 1\n", /: 1:9: names\.0: .*; 2:1: more: /],
    ["- ab\n", /: 1:1: [^.]/],
  ];
  for (const [text, message] of cases) await assert.rejects(read(text), { name: "UserError", message });
});
