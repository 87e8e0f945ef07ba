import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, mock, test } from "node:test";
import { fileURLToPath } from "node:url";
import { OptionError } from "../core/options.ts";
import { checkCommand } from "./check.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-check-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), text);
}

/** Runs the command and returns its code and what it printed, with the folder's name left out. */
async function run(...argv: string[]): Promise<{ code: number; out: string[]; err: string[] }> {
  const out: string[] = [];
  const err: string[] = [];
  const take = (lines: string[]) => (line: unknown) => void lines.push(String(line).replaceAll(`${folder}/`, ""));
  const log = mock.method(console, "log", take(out));
  const error = mock.method(console, "error", take(err));
  try {
    return { code: await checkCommand(argv), out, err };
  } finally {
    log.mock.restore();
    error.mock.restore();
  }
}

const metric = `apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: c1, namespace: shop, name: cart }
spec:
  version: "1"
  port: 9100
  uri: /metrics
`;

test("the example volume is valid under the demo's minimum frequency", async () => {
  const configs = fileURLToPath(new URL("../configs", import.meta.url));
  const { code, err } = await run(configs, "--frequency-min", "1");
  assert.deepEqual({ code, err }, { code: 0, err: [] });
});

test("valid files give a summary and code 0; hidden folders and schemas are not looked at", async () => {
  await write("c1/metric/shop/cart.yaml", metric);
  await write(".git/bad.yaml", "a: b: c");
  await write(".bcs-metric/bad.yaml", "a: b: c");
  await write("schema/bad.yaml", "a: b: c");
  await write("README.md", "a: b: c");
  assert.deepEqual(await run(folder), { code: 0, out: ["1 file checked, no problems"], err: [] });
});

test("each problem of each file is printed with its place, sorted, with a summary and code 1", async () => {
  await write("c1/metric/shop/cart.yaml", metric.replace("port", "prot"));
  await write("c1/metric/shop/card.yaml", metric);
  await write("c1/metric/shop/Card.yaml", metric.replace("name: cart", "name: Card"));
  await write("c1/metric/shop/pay.yml", metric);
  await write("c1/metric/shop/refund.yaml", "a: 1\na: 2\n");
  assert.deepEqual(await run(folder), {
    code: 1,
    out: [],
    err: [
      'c1/metric/shop/card.yaml:1:1: "card.yaml" differs only in case from "Card.yaml"',
      "c1/metric/shop/card.yaml:3:51: file says name cart but its path says card",
      'c1/metric/shop/cart.yaml:4:1: missing key "port"',
      'c1/metric/shop/cart.yaml:6:3: unknown key "prot"; did you mean "port"?',
      "c1/metric/shop/pay.yml:1:1: files that end in .yml are not read; rename it to .yaml",
      'c1/metric/shop/refund.yaml:2:1: duplicate key "a"; it stands at 1:1 already',
      "6 problems in 4 files",
    ],
  });
});

test("a single file is compared with its path only where that looks like a document's", async () => {
  await write("c1/metric/shop/pay.yaml", metric);
  await write("draft.yaml", metric);
  assert.equal((await run(join(folder, "draft.yaml"))).code, 0);
  assert.deepEqual((await run(join(folder, "c1/metric/shop/pay.yaml"))).err, [
    "c1/metric/shop/pay.yaml:3:51: file says name cart but its path says pay",
    "1 problem in 1 file",
  ]);
});

test("a path that does not exist, or leads nowhere, is a problem", async () => {
  await write("c1/metric/shop/cart.yaml", metric);
  await symlink("nowhere", join(folder, "c1/metric/shop/link.yaml"));
  await symlink("..", join(folder, "c1/loop"));
  const { code, err } = await run(folder, join(folder, "nope"));
  assert.equal(code, 1);
  assert.deepEqual(err, [
    "c1/metric/shop/link.yaml:1:1: it leads to no file",
    "nope:1:1: no such file or folder",
    "2 problems in 2 files",
  ]);
});

test("the minimum frequency is an option", async () => {
  await write("c1/metric/shop/cart.yaml", `${metric}  frequency: 5\n`);
  assert.deepEqual((await run(folder)).err, [
    "c1/metric/shop/cart.yaml:8:14: frequency 5 is below the minimum of 60 seconds, "
    + "which the operator lowers with --frequency-min",
    "1 problem in 1 file",
  ]);
  assert.equal((await run(folder, "--frequency-min", "5")).code, 0);
  await assert.rejects(run(folder, "--frequency-min", "0"), OptionError);
  await assert.rejects(run(), OptionError);
});
