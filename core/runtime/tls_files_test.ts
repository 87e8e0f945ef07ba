import assert from "node:assert/strict";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { UserError } from "../errors.ts";
import { makeLogger } from "../telemetry/log.ts";
import { Registry } from "../telemetry/metrics.ts";
import { systemEnv } from "./system_env.ts";
import { type KeyPair, makeCa } from "./testing/certificates.ts";
import { registerTlsMetrics, type TlsContent, TlsFiles, type TlsPaths } from "./tls_files.ts";

const ca = makeCa();
const first = ca.issue({ names: ["first.test"] });
const second = ca.issue({ names: ["second.test"] });
const silent = { fs: systemEnv.fs, clock: systemEnv.clock, log: makeLogger("test", "silent") };

interface Fixture {
  readonly paths: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly write: (pair: Partial<KeyPair>) => Promise<void>;
}

async function fixture(context: TestContext): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-tls-"));
  context.after(() => rm(folder, { recursive: true }));
  const paths = { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  const write = async ({ cert, key }: Partial<KeyPair>) => {
    for (const [path, text] of [[paths.cert, cert], [paths.key, key]] as const) {
      if (text === undefined) continue;
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }
  };
  await writeFile(paths.ca, ca.cert);
  await write(first);
  return { paths, write };
}

test("a changed pair is noticed without a restart", { timeout: 10_000 }, async (context) => {
  const { paths, write } = await fixture(context);
  const files = await TlsFiles.open(paths, silent);
  context.after(() => files.close());
  assert.deepEqual(files.content, { ca: ca.cert, ...first });
  const renewed = Promise.withResolvers<TlsContent>();
  files.onRenew(renewed.resolve);
  await write(second);
  assert.deepEqual(await renewed.promise, { ca: ca.cert, ...second });
});

test("a bad pair keeps the old one and alarms, until a good one comes", async (context) => {
  const { paths, write } = await fixture(context);
  const logged: Record<string, unknown>[] = [];
  const log = makeLogger("test", "info", { write: (line) => void logged.push(JSON.parse(line)) });
  // A clock that never fires: the test itself says when the files are read.
  const clock = { ...systemEnv.clock, after: () => () => {} };
  const files = await TlsFiles.open(paths, { fs: systemEnv.fs, clock, log });
  const metrics = new Registry();
  registerTlsMetrics(metrics, "exporter", files, clock);
  let renewals = 0;
  files.onRenew(() => renewals++);
  const check = async (change: Partial<KeyPair>, problem: RegExp) => {
    await write(change);
    await files.reload();
    await files.reload();
    assert.deepEqual(files.content, { ca: ca.cert, ...first });
    assert.match(files.problem ?? "", problem);
    assert.match(String(logged.at(-1)?.["reason"]), problem);
  };
  await check({ key: second.key }, /Cannot use certificate .*the key is not that of the certificate/);
  await check({ key: "-----BEGIN" }, /cannot be read/);
  await check(ca.issue({ names: ["late.test"], expired: true }), /it expired at 20/);
  await rm(paths.cert);
  await check({}, /Cannot read PEM file .*cert\.pem/);
  assert.equal(files.failures, 4);
  const text = await metrics.metrics();
  assert.match(text, /^bcs_metric_exporter_tls_stale 1$/m);
  assert.match(text, /^bcs_metric_exporter_tls_reload_failures_total 4$/m);
  assert.match(text, /^bcs_metric_exporter_tls_expiry_seconds 8\d{4}/m);
  assert.equal(renewals, 0);
  await write(second);
  await files.reload();
  await files.reload();
  assert.deepEqual([files.content.cert, files.problem, renewals], [second.cert, null, 1]);
});

test("what cannot be used at the start is the user's to mend", async (context) => {
  const { paths, write } = await fixture(context);
  const check = (changed: TlsPaths, reason: RegExp) =>
    assert.rejects(TlsFiles.open(changed, silent), (error) => error instanceof UserError && reason.test(error.message));
  await check({ cert: paths.cert }, /give both a certificate and its key/);
  await check({ ...paths, ca: `${paths.ca}.missing` }, /Cannot read PEM file .*ca\.pem\.missing/);
  await check({ ca: paths.key }, /Cannot use CA file .*key\.pem/);
  await write({ key: second.key });
  await check(paths, /the key is not that/);
});
