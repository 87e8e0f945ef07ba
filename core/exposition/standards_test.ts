/** One test for each rule of the standards that concerns how an exposition is read; the details are tested beside the code. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ExpositionError } from "./exposition.ts";
import { parseExposition } from "./parse.ts";
import {
  delimited,
  doubleField,
  family,
  messageField,
  numberField,
  packedSigned,
  signedField,
} from "./testing/protobuf.ts";
import { assertRefused, familyLines, sampleLines, utf8 } from "./testing/texts.ts";

const text = (body: string, strict = false) => parseExposition(utf8(body), "prometheus", strict);
const openMetrics = (body: string, strict = false) => parseExposition(utf8(body), "openmetrics", strict);

test("Prometheus text 0.0.4: timestamps are milliseconds", () => {
  assert.deepEqual(sampleLines(text("a 1 1395066363000\n")), ["a{} 1 @1395066363000"]);
});

test("Prometheus text 1.0.0: UTF-8 names are quoted within the braces", () => {
  for (const strict of [false, true]) {
    const exposition = text('# TYPE "μ.requests" counter\n{"μ.requests","http.code"="200"} 1\n', strict);
    assert.deepEqual(sampleLines(exposition), ['μ.requests{http.code="200"} 1']);
    assert.deepEqual(familyLines(exposition), ["μ.requests counter 1"]);
  }
});

test("OpenMetrics 1.0: # EOF is required", () => {
  for (const strict of [false, true]) {
    assertRefused(() => openMetrics("a 1\n", strict), '2:1: the exposition does not end with "# EOF"', "a 1");
  }
});

test("OpenMetrics 1.0: timestamps are seconds", () => {
  assert.deepEqual(sampleLines(openMetrics("a 1 1395066363.25\n# EOF\n")), ["a{} 1 @1395066363250"]);
});

test("OpenMetrics 1.0: an exemplar's label set has at most 128 code points", () => {
  const body = (points: number) => `# TYPE a counter\na_total 1 # {a="${"😀".repeat(points - 1)}"} 1\n# EOF\n`;
  openMetrics(body(128), true);
  assertRefused(() => openMetrics(body(129), true), "2:1: the labels of the exemplar are longer", "129");
  openMetrics(body(129));
});

test("OpenMetrics 1.0: families are not interleaved", () => {
  const body = "a 1\nb 1\na 2\n# EOF\n";
  assertRefused(() => openMetrics(body, true), '3:1: the lines of the family "a" do not follow each other', body);
  assert.deepEqual(sampleLines(openMetrics(body)), ["a{} 1", "a{} 2", "b{} 1"]);
});

test("OpenMetrics 1.0: created timestamps, exemplars and metadata are kept", () => {
  const exposition = openMetrics(
    '# TYPE a_s counter\n# UNIT a_s s\n# HELP a_s Help.\na_s_total 1 # {t="x"} 1 2\na_s_created 5\n# EOF\n',
    true,
  );
  assert.deepEqual(familyLines(exposition), ['a_s counter 2 help="Help." unit=s']);
  assert.deepEqual(sampleLines(exposition), ["a_s_total{} 1", "a_s_created{} 5"]);
  assert.deepEqual(exposition.families[0]?.samples[0]?.exemplar, {
    labels: [{ name: "t", value: "x" }],
    value: 1,
    timestampMs: 2000,
  });
});

test("a bad exposition fails as a whole, with line and column", () => {
  for (const strict of [false, true]) {
    assert.throws(() => text("a 1\nb{} x\n", strict), (error) => {
      assert.ok(error instanceof ExpositionError);
      assert.deepEqual([error.line, error.column], [2, 5]);
      return true;
    });
  }
});

test("a bad protobuf exposition fails as a whole, with the byte", () => {
  const body = delimited(family("g", "gauge", [messageField(2, doubleField(1, 1))]), Uint8Array.of(0));
  assert.throws(() => parseExposition(body, "protobuf", false), { message: "byte 20: a field has the number 0" });
});

test("native histograms are scraped through protobuf, with the schemas -4 to 8 and -53", () => {
  const read = (schema: number) => {
    const histogram = messageField(
      7,
      numberField(1, 1),
      signedField(5, schema),
      messageField(12, numberField(2, 1)),
      packedSigned(13, [1]),
    );
    const body = delimited(family("h", "histogram", [histogram]));
    return parseExposition(body, "protobuf", true).families[0]?.nativeHistograms?.[0]?.histogram.schema;
  };
  for (let schema = -4; schema <= 8; schema++) assert.equal(read(schema), schema);
  assert.equal(read(-53), -53);
  for (const schema of [-54, -52, -5, 9]) assert.throws(() => read(schema), ExpositionError);
});
