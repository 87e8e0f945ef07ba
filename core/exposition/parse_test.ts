import assert from "node:assert/strict";
import { test } from "node:test";
import { formatOfContentType } from "./content_type.ts";
import { type ExpositionFormat, parseExposition } from "./parse.ts";
import { utf8 } from "./testing/texts.ts";

test("the content type tells the format", () => {
  const types: Record<string, ExpositionFormat | null> = {
    "text/plain": "prometheus",
    "text/plain; version=0.0.4": "prometheus",
    "text/plain;version=1.0.0;escaping=allow-utf-8": "prometheus",
    ' Text/Plain ; charset="utf-8" ; version=0.0.4; ': "prometheus",
    "application/openmetrics-text": "openmetrics",
    "application/openmetrics-text; version=1.0.0; charset=utf-8": "openmetrics",
    "application/openmetrics-text;version=0.0.1": "openmetrics",
    "text/html; charset=utf-8": null,
    "application/json": null,
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited": "protobuf",
    "application/vnd.google.protobuf": "protobuf",
    'application/vnd.google.protobuf; Encoding="Delimited"': "protobuf",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text": null,
    "application/vnd.google.protobuf; proto=other.Message": null,
    "text/plain; version": null,
    "text/plain, text/html": null,
    "text": null,
    "text/plain-ish": null,
    "": null,
  };
  for (const [type, want] of Object.entries(types)) assert.equal(formatOfContentType(type), want, type);
});

test("the fallback counts only where the content type tells nothing", () => {
  assert.equal(formatOfContentType(null), null);
  assert.equal(formatOfContentType(null, "prometheus"), "prometheus");
  assert.equal(formatOfContentType("text/html", "openmetrics"), "openmetrics");
  assert.equal(formatOfContentType("text/plain", "openmetrics"), "prometheus");
});

test("a body is read in the format that is asked for", () => {
  const body = utf8("a 1 2\n# EOF\n");
  const timeOf = (format: ExpositionFormat) =>
    parseExposition(body, format, false).families[0]?.samples[0]?.timestampMs;
  assert.equal(timeOf("prometheus"), 2);
  assert.equal(timeOf("openmetrics"), 2000);
  assert.throws(() => parseExposition(utf8("a 1"), "prometheus", true), { line: 1, column: 4 });
});
