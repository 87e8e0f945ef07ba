import assert from "node:assert/strict";
import { test } from "node:test";
import { delimited, doubleField, family, messageField } from "../exposition/testing/protobuf.ts";
import { sampleLines, utf8 } from "../exposition/testing/texts.ts";
import { acceptHeader, fallbackFormat } from "./negotiate.ts";
import { readScrape } from "./read.ts";
import { testMetric } from "./testing/metrics.ts";

const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
const body = delimited(family("a.b", "gauge", [messageField(2, doubleField(1, 7))]));

test("the Accept header is that of Prometheus 3", () => {
  assert.equal(
    acceptHeader(testMetric()),
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
      + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
      + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
  );
});

test("with native histograms protobuf goes first, and the rest drop by 0.1", () => {
  assert.equal(
    acceptHeader(testMetric({ nativeHistograms: true })),
    `${protobuf};q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,`
      + "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
      + "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
  );
});

test("another escaping scheme is asked for, and kept to where the target does not know it", () => {
  const metric = testMetric({ nameEscaping: "underscores" });
  assert.match(acceptHeader(metric), /text\/plain;version=1\.0\.0;escaping=underscores;q=0\.4/);
  assert.doesNotMatch(acceptHeader(metric), /allow-utf-8/);
  assert.deepEqual(sampleLines(readScrape(utf8('{"a.b"} 1\n'), "text/plain", metric)), ["a_b{} 1"]);
  assert.deepEqual(sampleLines(readScrape(body, protobuf, metric)), ["a_b{} 7"]);
});

test("protobuf is read when the target answers with it, asked or not", () => {
  assert.deepEqual(sampleLines(readScrape(body, protobuf, testMetric())), ["a.b{} 7"]);
});

test("an unknown or missing Content-Type fails the scrape with the reason unless a fallback protocol is set", () => {
  const read = (contentType: string, fields: Record<string, unknown> = {}) =>
    readScrape(utf8("a 1\n"), contentType, testMetric(fields));
  assert.throws(() => read(""), { message: /^no content type: set fallbackProtocol/ });
  assert.throws(() => read("text/html"), { message: 'content type "text/html" is none of metrics' });
  assert.throws(() => read("application/vnd.google.protobuf;encoding=text"), { name: "ScrapeRefusedError" });
  assert.deepEqual(sampleLines(read("", { fallbackProtocol: "PrometheusText0.0.4" })), ["a{} 1"]);
  assert.throws(() => read("text/html", { fallbackProtocol: "OpenMetricsText0.0.1" }), { message: /# EOF/ });
  // A content type that is known goes before the fallback.
  assert.deepEqual(sampleLines(read("text/plain", { fallbackProtocol: "PrometheusProto" })), ["a{} 1"]);
});

test("every fallback protocol of Prometheus is there", () => {
  const formats = {
    "PrometheusProto": "protobuf",
    "PrometheusText0.0.4": "prometheus",
    "PrometheusText1.0.0": "prometheus",
    "OpenMetricsText0.0.1": "openmetrics",
    "OpenMetricsText1.0.0": "openmetrics",
  };
  for (const [fallbackProtocol, want] of Object.entries(formats)) {
    assert.equal(fallbackFormat(testMetric({ fallbackProtocol })), want);
  }
  assert.equal(fallbackFormat(testMetric()), null);
});
