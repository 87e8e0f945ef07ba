import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Clock } from "../runtime/env.ts";
import { systemFileSystem } from "../runtime/system_fs.ts";
import { LocalSecrets, noSecrets, secretBytesMax, SecretError, secretMaxAgeMs } from "./secret_source.ts";

const root = await mkdtemp(join(tmpdir(), "bcs-secrets-"));
const folder = join(root, "shop");
await mkdir(folder);
after(() => rm(root, { recursive: true }));

let nowMs = 0;
const clock: Clock = { wallMs: () => nowMs, monotonicMs: () => nowMs, after: () => () => {} };

function secretsOf(options: { folder?: string; variablePrefixes?: string[] } = {}): LocalSecrets {
  const environment = { SCRAPE_TOKEN: "from-env\n", SCRAPE_EMPTY: "", HOME_TOKEN: "canary" };
  return new LocalSecrets({ folder, variablePrefixes: [], ...options, environment, fs: systemFileSystem, clock });
}

async function refusal(reference: string, options = {}): Promise<string> {
  try {
    await secretsOf(options).read(reference);
  } catch (error) {
    assert.ok(error instanceof SecretError);
    assert.ok(!error.message.includes("canary") && !error.message.includes(root), error.message);
    return error.message;
  }
  return "";
}

test("a file is read inside the folder, without space at its end", async () => {
  await mkdir(join(folder, "cart"));
  await writeFile(join(folder, "cart", "token"), "t0ken \r\n");
  assert.equal((await secretsOf().read("file:cart/token")).reveal(), "t0ken");
});

test("no reference leads out of the folder", async () => {
  await writeFile(join(root, "outside"), "canary");
  await symlink(join(root, "outside"), join(folder, "link"));
  await symlink(root, join(folder, "up"));
  for (const name of ["../outside", "/etc/passwd", "cart/../../outside", "a//b", "./token"]) {
    assert.match(await refusal(`file:${name}`), /no such name can be/, name);
  }
  for (const name of ["link", "up/outside"]) {
    assert.match(await refusal(`file:${name}`), /leads out of the folder of secrets/, name);
  }
});

test("a mounted Secret's links are followed, and its renewal counts soon", async () => {
  const secrets = secretsOf();
  for (const [version, text] of [["v1", "old"], ["v2", "new"]] as const) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, "key"), text);
  }
  await symlink("v1", join(folder, "..data"));
  await symlink(join("..data", "key"), join(folder, "key"));
  assert.equal((await secrets.read("file:key")).reveal(), "old");
  await symlink("v2", join(folder, "..next"));
  await rename(join(folder, "..next"), join(folder, "..data"));
  assert.equal((await secrets.read("file:key")).reveal(), "old", "what was just read is not read again");
  nowMs += secretMaxAgeMs;
  assert.equal((await secrets.read("file:key")).reveal(), "new");
});

test("a variable is read only when the operator allows its prefix", async () => {
  const allowed = { variablePrefixes: ["SCRAPE_"] };
  assert.equal((await secretsOf(allowed).read("env:SCRAPE_TOKEN")).reveal(), "from-env");
  assert.match(await refusal("env:HOME_TOKEN", allowed), /no variable of this name may be used here/);
  assert.match(await refusal("env:SCRAPE_TOKEN"), /no variable of this name may be used here/);
  assert.match(await refusal("env:SCRAPE_EMPTY", allowed), /is not set/);
});

test("what is not there, empty, too large or no text is told by its reference", async () => {
  await writeFile(join(folder, "empty"), "\n");
  await writeFile(join(folder, "large"), "x".repeat(secretBytesMax + 1));
  await writeFile(join(folder, "binary"), Uint8Array.of(0xff, 0xfe, 0x80));
  assert.match(await refusal("file:none"), /"file:none": there is no such file among the secrets of its namespace/);
  assert.match(await refusal("file:empty"), /is empty/);
  assert.match(await refusal("file:large"), /more than 262144 bytes/);
  assert.match(await refusal("file:binary"), /no UTF-8/);
  assert.match(await refusal("file:token", { folder: "" }), /no folder of secrets here \(--secrets\)/);
  await assert.rejects(noSecrets.read("file:token"), SecretError);
});
