import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { after, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { systemEnv } from "../runtime/system_env.ts";
import { makeCa } from "../runtime/testing/certificates.ts";
import { Secret } from "../secrets/secret.ts";
import { SecretError, type SecretSource } from "../secrets/secret_source.ts";
import { defaultAccess, type ScrapeAccess } from "./access.ts";
import { AddressRules } from "./address_rules.ts";
import type { FetchOutcome } from "./exchange.ts";
import { makeFetcher, type TargetFetcher } from "./fetch.ts";
import { planRequest } from "./request.ts";
import { testMetric, testTarget } from "./testing/metrics.ts";
import { serveProxy, serveTlsTarget } from "./testing/secure_servers.ts";
import { serveRaw, serveTarget, type TestServer } from "./testing/target_server.ts";

const opened: { close(): unknown }[] = [];
after(async () => {
  for (const one of opened) await one.close();
});

async function opening<Server extends TestServer>(server: Promise<Server>): Promise<Server> {
  const opener = await server;
  opened.push(opener);
  return opener;
}

/** Secrets that a test changes as it likes. */
class FixedSecrets implements SecretSource {
  readonly values: Record<string, string>;

  constructor(values: Record<string, string>) {
    this.values = values;
  }

  read(reference: string): Promise<Secret> {
    const value = this.values[reference];
    if (value === undefined) {
      return Promise.reject(new SecretError(`Cannot use secret "${reference}": it is not there`));
    }
    return Promise.resolve(new Secret(value));
  }
}

function fetcherOf(
  address: string,
  fields: Record<string, unknown>,
  access: Partial<ScrapeAccess> | Record<string, string> = {},
): TargetFetcher {
  const metric = testMetric({ timeout: 5, frequency: 60, ...fields });
  const request = planRequest(metric, testTarget({ address }), "0.1.0");
  const fetcher = makeFetcher(request, 60_000, systemEnv.clock, { ...defaultAccess, ...access });
  opened.push(fetcher);
  return fetcher;
}

const withSecrets = (values: Record<string, string>) => ({ secrets: new FixedSecrets(values) });

function textOf(outcome: FetchOutcome): string {
  return outcome.ok ? new TextDecoder().decode(outcome.body) : `failed: ${outcome.reason}`;
}

/** A target that answers with its request's Authorization and X-Own header. */
const echo = () =>
  opening(serveTarget((request, response) => {
    response.end(
      `${request.method} ${request.headers.authorization ?? "-"} ${String(request.headers["x-own"] ?? "-")}`,
    );
  }));

const ca = makeCa();
const server = ca.issue({ ips: ["127.0.0.1"], names: ["cart.shop"] });
const client = ca.issue({ names: ["collector"], client: true });

const tlsTarget = (pair = server, more = {}) =>
  opening(serveTlsTarget({ ...pair, ...more }, (_request, response) => void response.end("up 1\n")));

test("basic and bearer credentials are sent, read anew for each scrape", async () => {
  const { address } = await echo();
  const basic = fetcherOf(
    address,
    { auth: { basic: { username: "ann", password: "file:p" } } },
    withSecrets({ "file:p": "ü:x" }),
  );
  const encoded = Buffer.from("ann:ü:x").toString("base64");
  assert.equal(textOf(await basic.fetch()), `GET Basic ${encoded} -`);
  const access = withSecrets({ "file:t": "one" });
  const bearer = fetcherOf(address, { method: "POST", auth: { bearer: "file:t" } }, access);
  assert.equal(textOf(await bearer.fetch()), "POST Bearer one -");
  access.secrets.values["file:t"] = "two";
  assert.equal(textOf(await bearer.fetch()), "POST Bearer two -");
});

test("a secret that is not there fails the scrape before the target is asked", async () => {
  const target = await echo();
  const outcome = await fetcherOf(target.address, { auth: { bearer: "env:NONE" } }).fetch();
  assert.deepEqual(outcome, {
    ok: false,
    reason: 'Cannot use secret "env:NONE": there are no secrets here',
    status: 0,
    unanswered: false,
    refused: "secret",
  });
  assert.equal(target.accepted(), 0);
  const split = fetcherOf(
    target.address,
    { auth: { bearer: "file:t" } },
    withSecrets({ "file:t": "a\r\nX-Own: canary" }),
  );
  assert.equal(textOf(await split.fetch()), 'failed: Cannot use secret "file:t": it is no bearer token');
});

test("a target's certificate is checked against the metric's own CA, and for the target's address", async () => {
  const { address } = await tlsTarget();
  const tls = { ca: "file:ca" };
  const access = withSecrets({ "file:ca": ca.cert });
  const fetcher = fetcherOf(address, { scheme: "https", tls }, access);
  assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  const inline = { ca: `pem:${Buffer.from(ca.cert).toString("base64")}` };
  assert.equal(textOf(await fetcherOf(address, { scheme: "https", tls: inline }).fetch()), "up 1\n");
  assert.match(textOf(await fetcherOf(address, { scheme: "https" }).fetch()), /^failed: .*trusted CA/);
  const named = await tlsTarget(ca.issue({ names: ["cart.shop"] }));
  assert.match(
    textOf(await fetcherOf(named.address, { scheme: "https", tls }, access).fetch()),
    /^failed: .*another name$/,
  );
  const asNamed = { scheme: "https", tls: { ...tls, serverName: "cart.shop" } };
  assert.equal(textOf(await fetcherOf(named.address, asNamed, access).fetch()), "up 1\n");
  // Whom to trust is no matter of a header.
  const byHeader = { scheme: "https", tls, head: { Host: "cart.shop" } };
  assert.match(textOf(await fetcherOf(named.address, byHeader, access).fetch()), /^failed: /);
  const old = await tlsTarget(ca.issue({ ips: ["127.0.0.1"], expired: true }));
  assert.match(
    textOf(await fetcherOf(old.address, { scheme: "https", tls }, access).fetch()),
    /^failed: .*(expired|not valid now)$/,
  );
});

test("insecureSkipVerify works only when the operator allows it", async () => {
  const target = await tlsTarget();
  const fields = { scheme: "https", tls: { insecureSkipVerify: true } };
  const refused = "failed: insecureSkipVerify is not allowed by the operator (--allow-insecure-tls)";
  assert.equal(textOf(await fetcherOf(target.address, fields).fetch()), refused);
  assert.equal(target.accepted(), 0);
  assert.equal(textOf(await fetcherOf(target.address, fields, { allowsInsecureTls: true }).fetch()), "up 1\n");
});

test("a client certificate is shown, its key opened with a password", async () => {
  const { address } = await tlsTarget(server, { requestCert: true, rejectUnauthorized: true, ca: ca.cert });
  const locked = createPrivateKey(client.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "canary",
  });
  const values = { "file:ca": ca.cert, "file:c": client.cert, "file:k": String(locked), "file:p": "canary" };
  const tls = { ca: "file:ca", certificate: "file:c", key: "file:k", keyPassword: "file:p" };
  assert.equal(textOf(await fetcherOf(address, { scheme: "https", tls }, withSecrets(values)).fetch()), "up 1\n");
  const without = { scheme: "https", tls: { ca: "file:ca" } };
  assert.match(textOf(await fetcherOf(address, without, withSecrets(values)).fetch()), /^failed: /);
  const wrong = withSecrets({ ...values, "file:p": "wrong" });
  assert.equal(
    textOf(await fetcherOf(address, { scheme: "https", tls }, wrong).fetch()),
    "failed: Cannot use the key of tls: it cannot be opened with keyPassword",
  );
});

test("renewed certificates count from the next scrape; a pair that does not match leaves the former", async () => {
  const seen: string[] = [];
  const target = await opening(serveTlsTarget(
    { ...server, requestCert: true, rejectUnauthorized: true, ca: ca.cert },
    (request, response) => {
      const { socket } = request;
      seen.push("getPeerCertificate" in socket ? (socket as TLSSocket).getPeerCertificate().subjectaltname ?? "" : "");
      response.end("up 1\n");
    },
  ));
  const access = { ...withSecrets({ "file:ca": ca.cert, "file:c": client.cert, "file:k": client.key }) };
  const problems: string[] = [];
  const tls = { ca: "file:ca", certificate: "file:c", key: "file:k" };
  const fetcher = fetcherOf(target.address, { scheme: "https", tls }, {
    ...access,
    certificateProblem: (address, reason) => problems.push(`${address}: ${reason}`),
  });
  const renewed = ca.issue({ names: ["renewed"], client: true });
  assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  access.secrets.values["file:c"] = renewed.cert;
  for (let round = 0; round < 2; round++) assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  assert.deepEqual(problems, [
    `${target.address}: Cannot use the certificate of tls: the key is not that of the certificate`,
  ]);
  access.secrets.values["file:k"] = renewed.key;
  assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  assert.deepEqual(seen, ["DNS:collector", "DNS:collector", "DNS:collector", "DNS:renewed"]);
});

test("a proxy that the operator allows is used, for http and https, and told a checked address", async () => {
  const proxy = await opening(serveProxy());
  const proxyUrl = `http://${proxy.address}`;
  const access = { proxies: new Set([proxyUrl]), ...withSecrets({ "file:ca": ca.cert, "file:t": "t" }) };
  const plain = await echo();
  const fields = { proxyUrl, auth: { bearer: "file:t" } };
  assert.equal(textOf(await fetcherOf(plain.address, fields, access).fetch()), "GET Bearer t -");
  const secure = await tlsTarget();
  const https = { proxyUrl, scheme: "https", tls: { ca: "file:ca" } };
  const fetcher = fetcherOf(secure.address, https, access);
  assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  assert.equal(textOf(await fetcher.fetch()), "up 1\n");
  const byName = plain.address.replace("127.0.0.1", "localhost");
  assert.equal(textOf(await fetcherOf(byName, { proxyUrl }, access).fetch()), "GET - -");
  assert.deepEqual(proxy.asked.slice(0, 2), [plain.address, secure.address]);
  assert.match(proxy.asked[2] ?? "", /^(127\.0\.0\.1|\[::1\]):/);
  assert.equal(proxy.asked.length, 3);
  const denied = fetcherOf("169.254.169.254:80", { proxyUrl }, access);
  assert.match(textOf(await denied.fetch()), /^failed: 169\.254\.169\.254 is denied/);
});

test("a proxy is refused unless it is allowed, and its failures are told as its own", async () => {
  const fields = (address: string) => ({ proxyUrl: `http://${address}`, timeout: 0.5 });
  const reason = async (address: string, allowed = true) => {
    const access = { proxies: new Set(allowed ? [`http://${address}`] : []) };
    return textOf(await fetcherOf("127.0.0.1:9", fields(address), access).fetch());
  };
  const proxy = await opening(serveProxy("HTTP/1.1 403 Forbidden\r\n\r\n"));
  assert.match(
    await reason(proxy.address, false),
    /^failed: proxy http:.* is not among those that the operator allows/,
  );
  assert.equal(proxy.accepted(), 0);
  assert.match(await reason(proxy.address), /^failed: proxy http:.* answered HTTP 403$/);
  const other = await opening(serveRaw((socket) => void socket.write("SSH-2.0-OpenSSH_9.2\r\n\r\n")));
  assert.match(await reason(other.address), /^failed: proxy http:.* does not speak HTTP$/);
  const silent = await opening(serveRaw(() => {}));
  assert.equal(await reason(silent.address), "failed: timeout after 0.5 s (connect)");
});

test("credentials and the metric's headers follow a redirect to the target itself, and to nobody else", async () => {
  const other = await echo();
  const target = await opening(serveTarget((request, response) => {
    const { authorization = "-" } = request.headers;
    if (request.url === "/own") response.writeHead(302, { location: "/here" }).end();
    else if (request.url === "/other") response.writeHead(307, { location: `http://${other.address}/x` }).end();
    else response.end(`${request.method} ${request.url} ${authorization} ${String(request.headers["x-own"])}`);
  }));
  const fields = { followRedirects: true, auth: { bearer: "file:t" }, head: { "X-Own": "o" } };
  const fetch = (uri: string, more = {}) =>
    fetcherOf(target.address, { ...fields, uri, ...more }, withSecrets({ "file:t": "t" })).fetch();
  assert.equal(textOf(await fetch("/own")), "GET /here Bearer t o");
  assert.equal(textOf(await fetch("/own", { method: "POST" })), "GET /here Bearer t o");
  assert.equal(textOf(await fetch("/other")), "GET - -");
  assert.equal(textOf(await fetch("/other", { method: "POST" })), "POST - -");
  const off = { followRedirects: false };
  assert.equal(textOf(await fetch("/own", off)), "failed: HTTP 302 (redirects are not followed)");
});

test("each hop of a redirect is checked: no metadata address, no end, no other protocol", async () => {
  let location = "";
  const target = await opening(serveTarget((_request, response) => void response.writeHead(302, { location }).end()));
  const reason = async (to: string, access = {}) => {
    location = to;
    return textOf(await fetcherOf(target.address, { followRedirects: true }, access).fetch());
  };
  assert.match(await reason("http://169.254.169.254/latest/meta-data"), /^failed: 169\.254\.169\.254 is denied/);
  assert.match(await reason("http://[::ffff:169.254.169.254]/"), /^failed: ::ffff:a9fe:a9fe is denied/);
  const lists = { addresses: new AddressRules({ allow: [], deny: ["127.0.0.2"] }) };
  assert.match(await reason("http://127.0.0.2:1/", lists), /^failed: 127\.0\.0\.2 is denied by the operator/);
  assert.equal(await reason("/again"), "failed: HTTP 302 after 5 redirects");
  assert.equal(
    await reason("file:///etc/passwd"),
    'failed: HTTP 302 to "file:///etc/passwd", which is neither http nor https',
  );
  assert.equal(await reason("http://["), 'failed: HTTP 302 to "http://[", which is no URL');
  const secure = await opening(serveTlsTarget(
    server,
    (_request, response) => void response.writeHead(302, { location: `http://${target.address}/` }).end(),
  ));
  const tls = { ca: "file:ca" };
  const down = fetcherOf(
    secure.address,
    { scheme: "https", followRedirects: true, tls },
    withSecrets({ "file:ca": ca.cert }),
  );
  assert.match(textOf(await down.fetch()), /which gives https up$/);
});

test("a redirect's chain shares the one deadline of its scrape", async () => {
  const target = await opening(serveTarget((_request, response) => {
    setTimeout(() => response.writeHead(302, { location: "/again" }).end(), 150);
  }));
  const started = performance.now();
  const outcome = await fetcherOf(target.address, { followRedirects: true, timeout: 0.4 }).fetch();
  assert.equal(textOf(outcome), "failed: timeout after 0.4 s (headers)");
  assert.ok(performance.now() - started < 1500);
});

test("a slow handshake is part of the one deadline", async () => {
  const silent = await opening(serveRaw(() => {}));
  const outcome = await fetcherOf(silent.address, { scheme: "https", timeout: 0.2 }).fetch();
  assert.equal(textOf(outcome), "failed: timeout after 0.2 s (connect)");
});
