import assert from "node:assert/strict";
import { test } from "node:test";
import { planRequest, UnusableTargetError } from "./request.ts";
import { testMetric, testTarget } from "./testing/metrics.ts";

const target = testTarget({ address: "10.0.0.7:9100" });

test("parameters go into the query, after those of the uri", () => {
  const metric = testMetric({ uri: "/probe?module=tcp", parameters: { target: "a b&c", "ü": "1" } });
  const request = planRequest(metric, target, "0.1.0");
  assert.equal(request.origin, "http://10.0.0.7:9100");
  assert.equal(request.path, "/probe?module=tcp&target=a+b%26c&%C3%BC=1");
});

test("a uri without parameters stays as it is", () => {
  assert.equal(planRequest(testMetric({ uri: "/a%20b?q=%2F" }), target, "0.1.0").path, "/a%20b?q=%2F");
});

test("no uri leads to another host", () => {
  for (const uri of ["//evil.example/metrics", "/@evil.example/", "/\\evil.example", "/..//evil.example/"]) {
    assert.equal(planRequest(testMetric({ uri }), target, "0.1.0").origin, "http://10.0.0.7:9100");
  }
});

test("an address that is none is refused by name", () => {
  for (const address of ["10.0.0.7", "user@evil:80", "a/b:80", "10.0.0.7:99999", "host:80#"]) {
    assert.throws(() => planRequest(testMetric(), testTarget({ address }), "0.1.0"), UnusableTargetError, address);
  }
});

test("an IPv6 address is scraped", () => {
  assert.equal(planRequest(testMetric(), testTarget({ address: "[::1]:9100" }), "0.1.0").origin, "http://[::1]:9100");
});

test("headers are those of Prometheus, and the metric's own replace them", () => {
  const metric = testMetric({ frequency: 60, head: { "X-Token": "t", "User-Agent": "curl" } });
  assert.deepEqual(planRequest(metric, target, "0.1.0").headers, {
    "accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
      + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
      + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "accept-encoding": "gzip",
    "user-agent": "curl",
    "x-prometheus-scrape-timeout-seconds": "10",
    "x-token": "t",
  });
});

test("the timeout is 10 s by default and never longer than the frequency", () => {
  const timeoutMs = (fields: Record<string, unknown>) => planRequest(testMetric(fields), target, "0.1.0").timeoutMs;
  assert.equal(timeoutMs({ frequency: 60 }), 10_000);
  assert.equal(timeoutMs({ frequency: 3 }), 3000);
  assert.equal(timeoutMs({ frequency: 60, timeout: 0.5 }), 500);
  assert.equal(timeoutMs({ frequency: 5, timeout: 20 }), 5000);
});

test("the target's scheme counts before its metric's, and tls only with https", () => {
  const plan = (fields: Record<string, unknown>, scheme?: "http" | "https") => {
    const at = testTarget({ address: "10.0.0.7:9100", ...scheme === undefined ? {} : { scheme } });
    const { origin, tls } = planRequest(testMetric(fields), at, "0.1.0");
    return [origin, tls?.ca];
  };
  const tls = { ca: "file:ca" };
  assert.deepEqual(plan({ scheme: "https", tls }), ["https://10.0.0.7:9100", "file:ca"]);
  assert.deepEqual(plan({ scheme: "https", tls }, "http"), ["http://10.0.0.7:9100", undefined]);
  assert.deepEqual(plan({ tls }, "https"), ["https://10.0.0.7:9100", "file:ca"]);
});

test("two Authorization headers are refused", () => {
  const metric = testMetric({ auth: { bearer: "file:t" }, head: { authorization: "Basic eA==" } });
  assert.throws(() => planRequest(metric, target, "0.1.0"), UnusableTargetError);
});

test("auth is either basic or bearer, a certificate has its key, and secrets are references", () => {
  const bad = [
    { auth: {} },
    { auth: { bearer: "file:t", basic: { username: "a", password: "file:p" } } },
    { auth: { bearer: "plain-token" } },
    { tls: { certificate: "file:c" } },
    { tls: { ca: "/etc/passwd" } },
    { tls: { key: "pem:QQ==", certificate: "pem:QQ==" } },
    { proxyUrl: "http://user:password@proxy:3128" },
    { proxyUrl: "socks5://proxy:3128" },
  ];
  for (const fields of bad) assert.throws(() => testMetric(fields), JSON.stringify(fields));
  testMetric({ tls: { certificate: "pem:QQ==", key: "file:k" }, proxyUrl: "http://[::1]:3128" });
});
