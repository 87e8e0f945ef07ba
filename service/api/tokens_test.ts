import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { openTokens } from "./tokens.ts";

const secret = "a-secret-of-some-length";
const sha256 = createHash("sha256").update(secret).digest("hex");

/** Files as the test writes them. */
class Files {
  readonly #texts = new Map<string, string>();

  constructor(tokens: string) {
    this.write("/etc/tokens.yaml", tokens);
  }

  write(path: string, text: string): void {
    this.#texts.set(path, text);
  }

  remove(path: string): void {
    this.#texts.delete(path);
  }

  readFile(path: string): Promise<Uint8Array> {
    const text = this.#texts.get(path);
    return text === undefined ? Promise.reject(new Error("there is no such file")) : Promise.resolve(Buffer.from(text));
  }
}

const variables = { SHOP_TOKEN: "token-of-the-shop-team" };

async function open(fs: Files) {
  const lines: string[] = [];
  const log = makeLogger("test", "info", { write: (line) => void lines.push(line) });
  const clock = new ManualClock();
  const tokens = await openTokens("/etc/tokens.yaml", { fs, clock, log, variables });
  return { tokens, clock, lines };
}

test("a token is found by its digest, by the environment and by a file beside", async () => {
  const files = new Files(`tokens:
  - { name: ops, tokenSha256: ${sha256}, role: admin }
  - { name: shop, token: "env:SHOP_TOKEN", role: editor, namespaces: [c1/shop] }
  - { name: eyes, token: "file:secrets/eyes", role: viewer, namespaces: ["*"] }
`);
  files.write("/etc/secrets/eyes", "sixteen-or-more-characters\n");
  const { tokens } = await open(files);
  assert.deepEqual(tokens.find(secret), { name: "ops", role: "admin", namespaces: ["*"] });
  assert.deepEqual(tokens.find("token-of-the-shop-team")?.namespaces, ["c1/shop"]);
  assert.equal(tokens.find("sixteen-or-more-characters")?.name, "eyes");
  for (const wrong of ["", secret.slice(1), sha256, `${secret} `]) assert.equal(tokens.find(wrong), null);
  tokens.close();
});

test("a file that cannot be used is refused with what is wrong, and no secret is told", async () => {
  const check = async (text: string, message: RegExp) => {
    const error = await open(new Files(text)).then(() => null, (reason: unknown) => reason);
    assert.ok(error instanceof Error && error.name === "UserError", text);
    assert.match(error.message, message);
    assert.ok(!error.message.includes(secret));
  };
  const entry = (rest: string) => `tokens:\n  - { name: a, tokenSha256: ${sha256}, ${rest} }\n`;
  await check("tokens: []\n", /holds no token/);
  await check("tokens: [\n", /Cannot use tokens file "\/etc\/tokens.yaml": 2:1: /);
  await check(entry("role: king"), /2:\d+: tokens\.0\.role: must be one of "admin"/);
  await check(entry("role: editor"), /a token with role editor needs namespaces/);
  await check(entry("role: collector, namespaces: ['*']"), /exactly one namespace/);
  await check(entry("role: viewer, namespaces: [shop]"), /must be "<clusterId>\/<namespace>" or "\*"/);
  await check(entry("role: admin, namespaces: [c1/shop]"), /an admin has all namespaces/);
  await check(entry(`role: admin, token: "env:X"`), /either tokenSha256 or token/);
  await check(`tokens: [{ name: a, token: ${secret}, role: admin }]\n`, /must be a reference/);
  await check(`tokens: [{ name: a, token: "env:NONE", role: admin }]\n`, /env:NONE, is empty or not set/);
  await check(`tokens: [{ name: a, token: "file:none", role: admin }]\n`, /Cannot read tokens file "\/etc\/none"/);
  const twice = `{ name: a, tokenSha256: ${sha256}, role: admin }`;
  await check(`tokens: [${twice}, ${twice}]\n`, /two tokens have the name "a"/);
});

test("a change of the file is taken, and a broken or missing file leaves the tokens as they were", async () => {
  const files = new Files(`tokens: [{ name: ops, tokenSha256: ${sha256}, role: admin }]\n`);
  const { tokens, clock, lines } = await open(files);
  let changes = 0;
  tokens.onChange(() => void changes++);
  files.write("/etc/tokens.yaml", "tokens: [\n");
  await tokens.reload();
  files.remove("/etc/tokens.yaml");
  await tokens.reload();
  await tokens.reload();
  assert.equal(tokens.find(secret)?.name, "ops");
  assert.deepEqual([changes, lines.length], [0, 2]);
  files.write("/etc/tokens.yaml", 'tokens: [{ name: shop, token: "env:SHOP_TOKEN", role: admin }]\n');
  const changed = new Promise<void>((resolve) => tokens.onChange(resolve));
  clock.advance(1000);
  await changed;
  assert.equal(tokens.find(secret), null);
  assert.equal(tokens.find("token-of-the-shop-team")?.name, "shop");
  tokens.close();
});
