import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { TemplateFiles } from "./template_files.ts";

const good = "namespaces:\n  shop: { image: 'a:1' }\n";

let root = "";
const lines: string[] = [];
let files: TemplateFiles | null = null;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bcs-metric-templates-"));
  lines.length = 0;
});
afterEach(async () => {
  files?.close();
  await rm(root, { recursive: true });
});

async function open(path: string): Promise<TemplateFiles> {
  const log = makeLogger("service", "info", { write: (line) => void lines.push(line) });
  files = await TemplateFiles.open(path, { fs: systemEnv.fs, clock: new ManualClock(), log });
  return files;
}

test("the files of a folder are read together, and those that are no YAML files are left out", async () => {
  await writeFile(join(root, "a.yaml"), good);
  await writeFile(join(root, "b.yml"), "namespaces:\n  bank: { image: 'b:1' }\n");
  await writeFile(join(root, "notes.txt"), "{");
  await mkdir(join(root, "..data"));
  const { inForce, problem } = await open(root);
  assert.deepEqual([[...inForce?.namespaces.keys() ?? []], problem], [["shop", "bank"], ""]);
});

test("a file that becomes wrong or goes away leaves the last good one in force, which is told once", async () => {
  const path = join(root, "t.yaml");
  await writeFile(path, good);
  const templates = await open(path);
  let changes = 0;
  templates.onChange(() => changes++);
  await templates.reload();
  assert.equal(changes, 0);
  await writeFile(path, "namespaces: { shop: { imag: x } }\n");
  await templates.reload();
  await templates.reload();
  assert.match(templates.problem, /t\.yaml:1:23: namespaces\.shop\.imag unknown key/);
  assert.equal(templates.inForce?.namespaces.get("shop")?.image, "a:1");
  assert.equal(lines.filter((line) => line.includes("the last good ones stay in force")).length, 1);
  await rm(path);
  await templates.reload();
  assert.match(templates.problem, /^Cannot read templates /);
  await writeFile(path, good.replace("a:1", "a:2"));
  await templates.reload();
  assert.deepEqual([templates.problem, templates.inForce?.namespaces.get("shop")?.image, changes], ["", "a:2", 3]);
});

test("wrong ones from the start are none in force, until they are mended", async () => {
  const path = join(root, "t.yaml");
  await writeFile(path, "[]");
  const templates = await open(path);
  const namespaces = () => templates.inForce?.namespaces.size ?? null;
  assert.equal(namespaces(), null);
  assert.match(lines.join(""), /collector workloads stay as they are/);
  await writeFile(path, good);
  await templates.reload();
  assert.equal(namespaces(), 1);
});
