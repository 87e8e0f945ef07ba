import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { UserError } from "../../core/errors.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openTokenFile } from "./tokens.ts";

const secret = "a-secret-of-some-length";
const sha256 = createHash("sha256").update("another-secret-token").digest("hex");

async function folderOf(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-tokens-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Opened with a clock that never fires: a test says itself when the file is read again. */
async function open(path: string, logged: string[] = []): ReturnType<typeof openTokenFile> {
  const log = makeLogger("test", "info", { write: (line) => void logged.push(line) });
  const clock = { ...systemEnv.clock, after: () => () => {} };
  return await openTokenFile(path, {
    fs: systemEnv.fs,
    clock,
    log,
    variables: { SHOP_TOKEN: secret, SHORT: "short" },
  });
}

test("tokens come from the environment, from files and as hashes", async (context) => {
  const folder = await folderOf(context);
  const path = join(folder, "tokens.yaml");
  await writeFile(join(folder, "bank.token"), "the-token-of-the-bank\n");
  await writeFile(
    path,
    [
      "tokens:",
      '  - { name: shop, token: "env:SHOP_TOKEN", namespaces: [C1/shop], dataIds: [7] }',
      '  - { name: bank, token: "file:bank.token", namespaces: ["C1/*"] }',
      `  - { name: ops, tokenSha256: ${sha256}, role: admin }`,
    ].join("\n"),
  );
  const file = await open(path);
  assert.deepEqual(file.find(secret), { name: "shop", role: "collector", namespaces: ["C1/shop"], dataIds: [7] });
  assert.deepEqual(file.find("the-token-of-the-bank")?.namespaces, ["C1/*"]);
  assert.deepEqual(file.find("another-secret-token"), { name: "ops", role: "admin", namespaces: ["*"], dataIds: null });
  assert.equal(file.find(""), null);
  assert.equal(file.find(sha256), null);
});

test("a change is told, and a wrong file changes nothing", async (context) => {
  const path = join(await folderOf(context), "tokens.yaml");
  const logged: string[] = [];
  await writeFile(path, 'tokens: [{ name: shop, token: "env:SHOP_TOKEN", namespaces: ["*"] }]');
  const file = await open(path, logged);
  let changes = 0;
  file.onChange(() => changes++);
  await file.reload();
  await writeFile(path, "tokens: [");
  await file.reload();
  await rm(path);
  await file.reload();
  assert.equal(changes, 0);
  assert.ok(file.find(secret) !== null);
  assert.match(logged.join(""), /the tokens stay as they were/);
  await writeFile(path, `tokens: [{ name: ops, tokenSha256: ${sha256}, role: admin }]`);
  await file.reload();
  assert.equal(changes, 1);
  assert.equal(file.find(secret), null);
  assert.ok(!logged.join("").includes(secret), "no token in a log");
});

test("a file that cannot be used is told with its place", async (context) => {
  const path = join(await folderOf(context), "tokens.yaml");
  const check = async (text: string, reason: RegExp) => {
    await writeFile(path, text);
    await assert.rejects(open(path), (error) => error instanceof UserError && reason.test(error.message));
  };
  await check("tokens: []", /tokens file .*1:/);
  await check("tokens:\n  - { name: a, token: plain-text, namespaces: [C1/a] }", /2:.*reference such as env:NAME/);
  await check("tokens:\n  - { name: a, namespaces: [C1/a] }", /either tokenSha256 or token/);
  await check('tokens:\n  - { name: a, token: "env:SHOP_TOKEN" }', /needs namespaces/);
  await check('tokens:\n  - { name: a, token: "env:SHOP_TOKEN", namespaces: [shop] }', /clusterId/);
  await check('tokens:\n  - { name: a, token: "env:SHORT", namespaces: ["*"] }', /fewer than 16/);
  await check('tokens:\n  - { name: a, token: "env:NONE", namespaces: ["*"] }', /empty or not set/);
  await rm(path);
  await assert.rejects(open(path), /Cannot use tokens file ".*": Cannot find/);
});
