import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOpenMetrics } from "./open_metrics.ts";
import { assertRefused, bytesOf, familyLines, sampleLines, utf8 } from "./testing/texts.ts";

const lenient = { strict: false };

function checkSamples(input: string, want: string[]): void {
  assert.deepEqual(sampleLines(parseOpenMetrics(utf8(`${input}# EOF\n`), lenient)), want, input);
}

function checkFamilies(input: string, want: string[]): void {
  for (const strict of [false, true]) {
    assert.deepEqual(familyLines(parseOpenMetrics(utf8(`${input}# EOF\n`), { strict })), want, input);
  }
}

/** Both the lenient and the strict reader refuse it at the same place. */
function checkRefused(input: string, want: string): void {
  for (const strict of [false, true]) assertRefused(() => parseOpenMetrics(bytesOf(input), { strict }), want, input);
}

test("an exposition ends with # EOF and nothing behind it", () => {
  assert.deepEqual(parseOpenMetrics(utf8("# EOF\n"), lenient).families, []);
  assert.deepEqual(parseOpenMetrics(utf8("# EOF"), lenient).families, []);
  checkRefused("", '1:1: the exposition does not end with "# EOF"');
  checkRefused("a 1\n", '2:1: the exposition does not end with "# EOF"');
  checkRefused("# EOF\n\n", '2:1: expected nothing after "# EOF", not the end of the line');
  checkRefused("# EOF\na 1\n", '2:1: expected nothing after "# EOF", not "a"');
  checkRefused("# EOFa\n", '1:6: expected nothing after "# EOF", not "a"');
});

test("timestamps are seconds and become exact milliseconds, the rest cut off", () => {
  const seconds: Record<string, number> = {
    "1520872607.123": 1520872607123,
    "1.001": 1001,
    "0.0019": 1,
    "-0.0019": -1,
    "-0.0001": 0,
    "1.5e9": 1_500_000_000_000,
    "15E-1": 1500,
    "1604676851.123456789": 1604676851123,
    ".5": 500,
    "-5": -5000,
    "1e-99999999999": 0,
  };
  for (const [text, want] of Object.entries(seconds)) checkSamples(`a 1 ${text}\n`, [`a{} 1 @${want}`]);
  checkRefused("a 1 NaN\n# EOF\n", '1:5: the timestamp "NaN" is not finite');
  checkRefused("a 1 -Inf\n# EOF\n", "1:5: the timestamp");
  checkRefused("a 1 1z\n# EOF\n", '1:5: the timestamp "1z" is not a number');
  checkRefused("a 1 1e30\n# EOF\n", '1:5: the timestamp "1e30" is beyond the range of milliseconds');
});

test("every type is read, with the samples of its suffixes", () => {
  checkFamilies("# TYPE c counter\nc_total 1\nc_created 2\n", ["c counter 2"]);
  checkFamilies("# TYPE g gauge\n# UNIT g \n# HELP g \ng 1\n", ["g gauge 1"]);
  checkFamilies('# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\nh_sum 1\nh_created 1\n', ["h histogram 4"]);
  checkFamilies('# TYPE q gaugehistogram\nq_bucket{le="+Inf"} 1\nq_gcount 1\nq_gsum 1\n', ["q gaugehistogram 3"]);
  checkFamilies('# TYPE s summary\ns{quantile="0.5"} 1\ns_count 1\ns_sum 1\ns_created 1\n', ["s summary 4"]);
  checkFamilies('# TYPE i info\ni_info{v="1"} 1\n', ["i info 1"]);
  checkFamilies('# TYPE t stateset\nt{t="a"} 1\nt{t="b"} 0\n', ["t stateset 2"]);
  checkFamilies("# TYPE u unknown\nu 1\n", ["u unknown 1"]);
  checkFamilies('# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds A \\"b\\" \\\\ \\n \\c\n', [
    `a_seconds gauge 0 help=${JSON.stringify('A "b" \\ \n \\c')} unit=seconds`,
  ]);
});

test("quoted names are read as in the Prometheus format", () => {
  checkSamples('{"a.b",x="1","l.m"="2"} 1\n{"c"} 2\n', ['a.b{x="1",l.m="2"} 1', "c{} 2"]);
  checkFamilies('# TYPE "a.b" counter\n{"a.b_total"} 1\n', ["a.b counter 1"]);
});

test("an exemplar is kept on its sample", () => {
  const body = utf8('# TYPE a counter\na_total 1 2 # {id="x\\n",t="é"} 0.5 1.25\nb 1 # {} 3\n# EOF\n');
  const samples = parseOpenMetrics(body, lenient).families.flatMap((family) => family.samples);
  assert.deepEqual(samples, [
    {
      name: "a_total",
      labels: [],
      value: 1,
      timestampMs: 2000,
      exemplar: { labels: [{ name: "id", value: "x\n" }, { name: "t", value: "é" }], value: 0.5, timestampMs: 1250 },
    },
    { name: "b", labels: [], value: 1, timestampMs: null, exemplar: { labels: [], value: 3, timestampMs: null } },
  ]);
});

test("bad exemplars are refused where they stand", () => {
  checkRefused("a_total 1 # {a=b} 1\n# EOF\n", "1:16: expected the label value in double quotes");
  checkRefused('a_total 1 # {"a"} 1\n# EOF\n', '1:17: expected "=" after the label name, not "}"');
  checkRefused('a_total 1 # {a="b"}\n# EOF\n', "1:20: expected a space and the value of the exemplar");
  checkRefused('a_total 1 # {a="b"} \n# EOF\n', "1:21: expected the value of the exemplar");
  checkRefused('a_total 1 # {a="b"} x\n# EOF\n', '1:21: the value of the exemplar "x" is not a number');
  checkRefused('a_total 1 # {a="b"} 1 NaN\n# EOF\n', '1:23: the timestamp of the exemplar "NaN" is not finite');
  checkRefused('a_total 1 # {a="b"} 1 1 1\n# EOF\n', "1:24: expected the end of the sample line");
  checkRefused("a_total 1 #\n# EOF\n", '1:11: the timestamp "#" is not a number');
  checkRefused("a_total 1 # {\n# EOF\n", "1:14: expected a label name");
});

test("the grammar has single spaces, no blank lines and no comments", () => {
  checkRefused("\n# EOF\n", '1:1: expected a metric name or "#", not the end of the line');
  checkRefused(" a 1\n# EOF\n", '1:1: expected a metric name or "#", not " "');
  checkRefused("# a comment\n# EOF\n", '1:1: expected "# HELP "');
  checkRefused("#\tTYPE a gauge\n# EOF\n", "1:1: expected");
  checkRefused("a  1\n# EOF\n", '1:3: expected the value, not " "');
  checkRefused("a\t1\n# EOF\n", '1:2: expected a space and the value, not "\\t"');
  checkRefused("a 1\t2\n# EOF\n", '1:3: the value "1\\t2" is not a number');
  checkRefused("a 1 \n# EOF\n", "1:5: expected the timestamp, not the end of the line");
  checkRefused("a 1 2 \n# EOF\n", "1:6: expected the end of the sample line");
  checkRefused("a 1", "1:4: expected the end of the sample line, not the end of the body");
  checkRefused("a 1\r\n# EOF\n", '1:3: the value "1\\r" is not a number');
  checkRefused('a{x="1", y="2"} 1\n# EOF\n', '1:9: expected a label name or "}", not " "');
  checkRefused('a{x="1"y="2"} 1\n# EOF\n', '1:8: expected "," or "}" after the label, not "y"');
  checkRefused('a{x="1\n"} 1\n# EOF\n', "1:7: the label value has a line feed in it");
  checkRefused('a{x="\xff"} 1\n# EOF\n', "1:6: the text is not valid UTF-8");
  checkRefused("\xef\xbb\xbfa 1\n# EOF\n", "1:1: expected a metric name");
});

test("bad metadata is refused where it stands", () => {
  checkRefused("# TYPE a untyped\n# EOF\n", '1:10: unknown type "untyped"');
  checkRefused("# TYPE a gauge \n# EOF\n", '1:10: unknown type "gauge "');
  checkRefused("# TYPE a  gauge\n# EOF\n", '1:10: unknown type " gauge"');
  checkRefused("# TYPE a\n# EOF\n", "1:9: expected a space after the metric name, not the end of the line");
  checkRefused("# HELP a\n# EOF\n", "1:9: expected a space after the metric name");
  checkRefused("# HELP met.ric x\n# EOF\n", '1:11: expected a space after the metric name, not "."');
  checkRefused("# HELP \n# EOF\n", "1:8: expected a metric name");
  checkRefused("# HELP a x", "1:11: expected the end of the HELP line, not the end of the body");
  checkRefused("# HELP a \xff\n# EOF\n", "1:10: the text is not valid UTF-8");
  checkRefused("# UNIT a seconds\n# EOF\n", '1:10: the unit "seconds" does not end the name "a"');
  checkRefused("# UNIT aseconds seconds\n# EOF\n", "1:17: the unit");
  checkRefused("# UNIT seconds seconds\n# EOF\n", "1:16: the unit");
});

test("the lenient reader takes what Prometheus takes and the specification forbids", () => {
  const accepted = [
    'a{x="1",} 1\n',
    '{x="1","a"} 1\n',
    "a 1\nb 2\na 3\n",
    "# TYPE a gauge\n# TYPE a counter\na 1\n# HELP a late\n",
    "# TYPE a counter\na -1\n",
    "# TYPE a counter\na_total NaN\n",
    "# TYPE a gauge\na 1 2\na 1 1\n",
    'a 1 # {x="1",x="2"} 1\n',
    `a 1 # {x="${"y".repeat(200)}"} 1\n`,
    '{"a\nb"} 1\n',
  ];
  for (const input of accepted) {
    const body = utf8(`${input}# EOF\n`);
    assert.ok(parseOpenMetrics(body, lenient).families.length > 0, input);
    assert.throws(() => parseOpenMetrics(body, { strict: true }), { name: "ExpositionError" }, input);
  }
});
