import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../core/errors.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openAccess } from "./access.ts";
import { openSecurity, type SecurityOptions, serverTls } from "./security.ts";

const none: SecurityOptions = {
  tlsCert: undefined,
  tlsKey: undefined,
  tlsClientCa: undefined,
  tokens: undefined,
  oldClients: false,
  allowInsecure: false,
};
const ca = makeCa();
const pair = ca.issue({ names: ["exporter.test"] });
const files: Record<string, string> = {
  cert: pair.cert,
  key: pair.key,
  ca: ca.cert,
  tokens: 'tokens: [{ name: shop, token: "env:TOKEN", namespaces: ["*"] }]',
};

async function open(changes: Partial<SecurityOptions>, listen = "127.0.0.1", http = "127.0.0.1") {
  const logged: string[] = [];
  const deps = {
    fs: { readFile: (path: string) => Promise.resolve(new TextEncoder().encode(files[path])) },
    clock: systemEnv.clock,
    log: makeLogger("test", "info", { write: (line) => void logged.push(line) }),
    variables: { TOKEN: "a-token-of-some-length" },
  };
  await using opened = new AsyncDisposableStack();
  const addresses = { listen: { host: listen, port: 7071 }, http: { host: http, port: 7072 } };
  const security = await openSecurity({ ...none, ...changes }, addresses, deps, opened);
  return { ...security, logged };
}

test("without tokens and client certificates only loopback is served, or everybody on purpose", async () => {
  assert.equal((await open({})).access, openAccess);
  const check = (listen: string, http: string, option: string) =>
    assert.rejects(open({}, listen, http), (error) => {
      return error instanceof UserError && error.message.includes(option) && error.message.includes("--allow-insecure");
    });
  await check("0.0.0.0", "127.0.0.1", "--tokens or --tls-client-ca");
  await check("127.0.0.1", "10.0.0.1", "--tokens");
  // TLS alone tells nobody apart.
  await assert.rejects(open({ tlsCert: "cert", tlsKey: "key" }, "0.0.0.0"), UserError);
  const { access, logged } = await open({ allowInsecure: true }, "0.0.0.0", "::");
  assert.equal(access, openAccess);
  assert.equal(logged.filter((line) => line.includes("INSECURE")).length, 2);
});

test("tokens or a client CA let others in", async () => {
  assert.ok((await open({ tokens: "tokens" }, "0.0.0.0", "0.0.0.0")).access.required);
  const { access, tls } = await open({ tlsCert: "cert", tlsKey: "key", tlsClientCa: "ca" }, "0.0.0.0", "0.0.0.0");
  assert.ok(access.required && tls !== null);
  assert.deepEqual(serverTls(tls.content, "frames"), { ...pair, clientCa: ca.cert });
  assert.deepEqual(serverTls(tls.content, "http"), pair);
});

test("options that do not go together are refused", async () => {
  await assert.rejects(open({ tlsClientCa: "ca" }), /--tls-client-ca without --tls-cert/);
  await assert.rejects(open({ tlsCert: "cert" }), /both a certificate and its key/);
  await assert.rejects(open({ tlsKey: "key" }), /both a certificate and its key/);
});
