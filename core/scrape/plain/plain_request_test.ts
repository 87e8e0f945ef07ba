import assert from "node:assert/strict";
import { test } from "node:test";
import { planRequest } from "../request.ts";
import { testMetric, testTarget } from "../testing/metrics.ts";
import { encodeRequest, isPlain } from "./plain_request.ts";

const requestOf = (fields: Record<string, unknown> = {}, address = "10.0.0.7:9100") =>
  planRequest(testMetric(fields), testTarget({ address }), "0.1.0");

test("a usual scrape is plain, with credentials and headers of its own too", () => {
  assert.ok(isPlain(requestOf()));
  assert.ok(isPlain(requestOf({ auth: { bearer: "file:token" }, head: { "X-Token": "t", Host: "shop.example" } })));
  assert.ok(isPlain(requestOf({ parameters: { a: "1 2" } }, "[::1]:9100")));
});

test("what is unusual goes by the HTTP library", () => {
  const fields: Record<string, unknown>[] = [
    { scheme: "https" },
    { method: "POST" },
    { proxyUrl: "http://10.0.0.1:3128" },
    { followRedirects: true },
    { head: { Connection: "close" } },
    { head: { "Transfer-Encoding": "chunked" } },
    { head: { Expect: "100-continue" } },
    { head: { "X-Name": "ä" } },
  ];
  for (const one of fields) assert.ok(!isPlain(requestOf(one)), JSON.stringify(one));
});

test("the request is that of HTTP/1.1, with one host", () => {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const request = requestOf({ uri: "/metrics", parameters: { a: "1 2" } });
  assert.equal(
    text(encodeRequest(request, null, true)),
    "GET /metrics?a=1+2 HTTP/1.1\r\nhost: 10.0.0.7:9100\r\nconnection: keep-alive\r\n"
      + Object.entries(request.headers).map(([name, value]) => `${name}: ${value}\r\n`).join("") + "\r\n",
  );
  const named = text(encodeRequest(requestOf({ head: { Host: "shop.example" } }), "Bearer t", false));
  assert.match(named, /\r\nhost: shop\.example\r\nconnection: close\r\n/);
  assert.match(named, /\r\nauthorization: Bearer t\r\n\r\n$/);
  assert.equal(named.match(/host:/g)?.length, 1);
  assert.match(text(encodeRequest(requestOf({}, "[::1]:9100"), null, true)), /\r\nhost: \[::1\]:9100\r\n/);
});
