import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { seedVolume } from "./seed.ts";

const examples = fileURLToPath(new URL("../../configs", import.meta.url));
let volume = "";

beforeEach(async () => {
  volume = await mkdtemp(join(tmpdir(), "bcs-metric-seed-"));
});
afterEach(() => rm(volume, { recursive: true }));

test("an empty volume gets the examples, without the schemas for editors", async () => {
  assert.equal(await seedVolume(examples, volume, true), true);
  assert.match(await readFile(join(volume, "BCS-LOCAL/metric/bcs-system/components.yaml"), "utf8"), /kind: Metric/);
  assert.ok(existsSync(join(volume, "BCS-LOCAL/application/bcs-system/node-exporter.yaml")));
  assert.ok(!existsSync(join(volume, "schema")));
});

test("the node_exporter's application is left out when none listens", async () => {
  await seedVolume(examples, volume, false);
  assert.ok(existsSync(join(volume, "BCS-LOCAL/metric/bcs-system/node.yaml")));
  assert.ok(!existsSync(join(volume, "BCS-LOCAL/application/bcs-system/node-exporter.yaml")));
});

test("a volume that holds something is never touched", async () => {
  await writeFile(join(volume, "mine.yaml"), "x");
  assert.equal(await seedVolume(examples, volume, true), false);
  assert.ok(!existsSync(join(volume, "BCS-LOCAL")));
});
