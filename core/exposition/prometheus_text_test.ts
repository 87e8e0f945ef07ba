import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrometheusText } from "./prometheus_text.ts";
import { assertRefused, bytesOf, familyLines, sampleLines, utf8 } from "./testing/texts.ts";

function checkSamples(input: string, want: string[]): void {
  assert.deepEqual(sampleLines(parsePrometheusText(utf8(input))), want, JSON.stringify(input));
}

function checkFamilies(input: string, want: string[]): void {
  assert.deepEqual(familyLines(parsePrometheusText(utf8(input))), want, JSON.stringify(input));
}

/** `input` is written byte by byte: a character up to U+00FF is one byte. */
function checkRefused(input: string, want: string): void {
  assertRefused(() => parsePrometheusText(bytesOf(input)), want, input);
}

test("samples are read with labels, values and timestamps", () => {
  checkSamples("a 1\n", ["a{} 1"]);
  checkSamples("a 1", ["a{} 1"]);
  checkSamples("a{} 1 1700000000123\n", ["a{} 1 @1700000000123"]);
  checkSamples('a{x="1",y="2"} 3\nb:c_D9 4\n', ['a{x="1",y="2"} 3', "b:c_D9{} 4"]);
  checkSamples('a{x=""} 1\n', ['a{x=""} 1']);
  checkSamples("_ 1\n:a 2\n", ["_{} 1", ":a{} 2"]);
  checkSamples("a 1 -5\nb 1 -0\nc 1 007\n", ["a{} 1 @-5", "b{} 1 @0", "c{} 1 @7"]);
  checkSamples("a 1 9223372036854775807\nb 1 -9223372036854775808\n", [
    "a{} 1 @9223372036854776000",
    "b{} 1 @-9223372036854776000",
  ]);
});

test("blanks may stand around every token", () => {
  checkSamples(' \ta { x = "1" , y\t=\t"2" , } 3 \t 4 \t\n', ['a{x="1",y="2"} 3 @4']);
  checkSamples("\n \n\t\na 1\n\n", ["a{} 1"]);
  checkSamples('a{x="1",}-Inf\n', ['a{x="1"} -Infinity']);
  checkSamples("a+1\nb-2\nc.5\n", ["a{} 1", "b{} -2", "c{} 0.5"]);
});

test("an empty body has no families", () => {
  checkFamilies("", []);
  checkFamilies("\n\n", []);
  checkFamilies("# only a comment\n", []);
});

test("values are what Go reads, without hexadecimal digits and underscores", () => {
  const accepted: Record<string, string> = {
    "00012": "12",
    "-0": "-0",
    "+.5e-3": "0.0005",
    "5.": "5",
    "1E+3": "1000",
    NaN: "NaN",
    nan: "NaN",
    "+Inf": "Infinity",
    "-inf": "-Infinity",
    Infinity: "Infinity",
    "-INFINITY": "-Infinity",
    "4.9e-324": "5e-324",
    "1e-400": "0",
    "1.7976931348623157e308": "1.7976931348623157e+308",
  };
  for (const [text, want] of Object.entries(accepted)) checkSamples(`a ${text}\n`, [`a{} ${want}`]);
  for (const text of ["0x1", "0x1p3", "1_0", "+NaN", "1e", "e5", ".", "-", "1d", "0b1", "1,5", "true", "1\r"]) {
    checkRefused(`a ${text}\n`, `1:3: the value ${JSON.stringify(text)} is not a number`);
  }
  checkRefused("a 1e400\n", '1:3: the value "1e400" is beyond the range of a 64-bit float');
  checkRefused("a -1.7976931348623159e308\n", "1:3: the value");
});

test("escapes in label values are resolved, unknown ones kept", () => {
  checkSamples('a{x="\\\\ \\" \\n \\t \\é"} 1\n', [`a{x=${JSON.stringify('\\ " \n \\t \\é')}} 1`]);
  checkSamples('a{x="{a=\\"b\\"} # ,"} 1\n', [`a{x=${JSON.stringify('{a="b"} # ,')}} 1`]);
  checkSamples('a{x="日本\u0000\ufeff"} 1\n', [`a{x=${JSON.stringify("日本\u0000\ufeff")}} 1`]);
  checkSamples('a{x="\ufeffx"} 1\n', [`a{x=${JSON.stringify("\ufeffx")}} 1`]);
});

test("what Prometheus lets pass is read: no commas, line feeds within quotes", () => {
  checkSamples('a{x="1" y="2"z="3"} 1\n', ['a{x="1",y="2",z="3"} 1']);
  checkSamples('a{x="1\n2"} 1\n', ['a{x="1\\n2"} 1']);
  checkSamples("a 1\na 2\n", ["a{} 1", "a{} 2"]);
});

test("quoted names may hold any text", () => {
  checkSamples('{"metric.name","label.name"="v"} 1\n', ['metric.name{label.name="v"} 1']);
  checkSamples('{"a"} 1\n{"b",} 2\n{ "c" , x="1" } 3\n', ["a{} 1", "b{} 2", 'c{x="1"} 3']);
  checkSamples('{x="1","a.b"} 1\n', ['a.b{x="1"} 1']);
  checkSamples('a{"l.1"="v"} 1\n', ['a{l.1="v"} 1']);
  checkSamples('{"q\\"\\\\\\n"} 1\n', ['q"\\\n{} 1']);
  checkFamilies('# HELP "a.b" help\n# TYPE "a.b" histogram\n{"a.b_bucket",le="+Inf"} 1\n', [
    'a.b histogram 1 help="help"',
  ]);
});

test("HELP and TYPE make a family, which has their name", () => {
  checkFamilies('# HELP a The \\\\ help\\nof \\"a\\t\n# TYPE a counter\na 1\n', [
    `a counter 1 help=${JSON.stringify('The \\ help\nof \\"a\\t')}`,
  ]);
  checkFamilies("# HELP a\n# HELP b \n# TYPE c untyped\n", ["a unknown 0", "b unknown 0", "c unknown 0"]);
  checkFamilies("#\t HELP \t a  two words \n#  TYPE\ta \t gauge \t\na 1\n", ['a gauge 1 help="two words "']);
  checkFamilies("# TYPE a gauge", ["a gauge 0"]);
  checkFamilies("# HELP a line\r\n", ['a unknown 0 help="line\\r"']);
});

test("other comments are passed over", () => {
  const comments = [
    "#",
    "# ",
    "#HELP a b",
    "# HELP",
    "# TYPE",
    "# HELPER a b",
    "# UNIT a b",
    "# EOF",
    "#\xff",
    "# \0a",
  ];
  for (const comment of comments) {
    assert.deepEqual(parsePrometheusText(bytesOf(`${comment}\nb 1\n`)).families.map(({ family }) => family), ["b"]);
  }
  checkFamilies("# HELP some.dotted.name Some help\n# HELP met-ric x\nb 1\n", ["b unknown 1"]);
  checkFamilies('# HELP "" nothing\n# TYPE "" gauge\n', []);
});

test("bad names and labels are refused where they stand", () => {
  checkRefused("1a 1\n", '1:1: expected a metric name, a comment or a blank line, not "1"');
  checkRefused("a 1\n  é 1\n", `2:3: expected a metric name, a comment or a blank line, not "\ufffd"`);
  assertRefused(
    () => parsePrometheusText(utf8("日 1\n")),
    '1:1: expected a metric name, a comment or a blank line, not "日"',
    "",
  );
  checkRefused("a 1\r\n", "1:3: the value");
  checkRefused("\r\n", '1:1: expected a metric name, a comment or a blank line, not "\\r"');
  checkRefused("\0a 1\n", "1:1: expected a metric name");
  checkRefused('a{1="b"} 1\n', '1:3: expected a label name or "}", not "1"');
  checkRefused('a{b:c="d"} 1\n', '1:4: expected "=" after the label name, not ":"');
  checkRefused('a{="b"} 1\n', "1:3: expected a label name");
  checkRefused("a{,} 1\n", "1:3: expected a label name");
  checkRefused('a{b="1",,} 1\n', "1:9: expected a label name");
  checkRefused("a{b} 1\n", '1:4: expected "=" after the label name, not "}"');
  checkRefused("a{b=1} 1\n", '1:5: expected the label value in double quotes, not "1"');
  checkRefused("a{b='1'} 1\n", "1:5: expected the label value in double quotes");
  checkRefused("a{b=\n", "1:5: expected the label value in double quotes, not the end of the line");
  checkRefused('a{b="1\n', "1:5: the label value has no closing quote");
  checkRefused('a{b="1\\\n"} 1\n', "1:7: the label value has a backslash at the end of the line");
  checkRefused('a{b="1"\n', '1:8: expected a label name or "}", not the end of the line');
  checkRefused('a{b="1",c="2",b="3"} 1\n', '1:15: the label name "b" occurs twice');
  checkRefused('a{__name__="b"} 1\n', '1:3: the label name "__name__" is reserved');
  checkRefused('a{""="b"} 1\n', "1:3: the label name is empty");
});

test("bad quoted metric names are refused where they stand", () => {
  checkRefused('{a="b"} 1\n', "1:1: the series has no metric name");
  checkRefused("{} 1\n", "1:1: the series has no metric name");
  checkRefused('{""} 1\n', "1:2: the metric name is empty");
  checkRefused('{"a","b"} 1\n', '1:6: a second metric name "b": the series is named "a"');
  checkRefused('a{"b"} 1\n', '1:3: a second metric name "b"');
  checkRefused('{"a".b="c"} 1\n', '1:5: expected "=", "," or "}" after the quoted name, not "."');
  checkRefused('{"a\0"} 1\n', "1:4: the name has a NUL byte");
  checkRefused('{"a\\\0"} 1\n', "1:5: the name has a NUL byte");
  checkRefused('{"a} 1\n', "1:2: the name has no closing quote");
});

test("bad values, timestamps and ends of lines are refused where they stand", () => {
  checkRefused("a", "1:2: expected a value, not the end of the body");
  checkRefused("b 1\na \n", "2:3: expected a value, not the end of the line");
  checkRefused('a{b="c"}{ 1\n', '1:9: expected a value, not "{"');
  checkRefused("a 1 2 3\n", '1:7: expected the end of the line after the timestamp, not "3"');
  checkRefused("a 1 1.5\n", '1:6: expected the end of the line after the timestamp, not "."');
  checkRefused("a 1 x\n", '1:5: expected a timestamp in milliseconds or the end of the line, not "x"');
  checkRefused("a 1 -\n", '1:5: expected a timestamp in milliseconds or the end of the line, not "-"');
  checkRefused("a 1 # {} 1\n", "1:5: expected a timestamp");
  checkRefused("a 1 9223372036854775808\n", '1:5: the timestamp "9223372036854775808" is beyond the range');
  checkRefused("a 1 -9223372036854775809\n", "1:5: the timestamp");
});

test("bad metadata is refused where it stands", () => {
  checkRefused("# HELP \n", "1:8: expected a metric name, not the end of the line");
  checkRefused("# TYPE #\n", '1:8: expected a metric name, not "#"');
  checkRefused("# TYPE a\n", "1:9: expected a type");
  checkRefused("# TYPE a bla\n", '1:10: unknown type "bla"');
  checkRefused("# TYPE a Counter\n", '1:10: unknown type "Counter"');
  checkRefused("# TYPE a info\n", '1:10: unknown type "info"');
  checkRefused("# TYPE a counter\r\n", '1:10: unknown type "counter\\r"');
  checkRefused("# TYPE a counter x\n", '1:18: expected the end of the line after the type, not "x"');
  checkRefused("# TYPE met-ric counter\n", '1:11: expected a blank after the metric name, not "-"');
});

test("text that is not UTF-8 is refused at its first bad byte, with the column in bytes", () => {
  checkRefused('a{b="x\xff"} 1\n', "1:7: the text is not valid UTF-8");
  checkRefused('a 1\na{b="\xc3\xa9",c="\xc3"} 1\n', "2:13: the text is not valid UTF-8");
  checkRefused("# HELP a \xe6\x97\xa5 \xed\xa0\x80\n", "1:14: the text is not valid UTF-8");
  checkRefused('{"\xc0\x80"} 1\n', "1:3: the text is not valid UTF-8");
});

test("a line feed within quotes counts as a line", () => {
  checkRefused('a{x="1\n2"} 1\nb ?\n', '3:3: the value "?" is not a number');
});

test("a series of very many labels is read in time that grows with it", () => {
  const count = 200_000;
  const labels = Array.from({ length: count }, (_, index) => `l${index}="v"`).join(",");
  const [family] = parsePrometheusText(utf8(`a{${labels}} 1\n`)).families;
  assert.equal(family?.samples[0]?.labels.length, count);
  assertRefused(() => parsePrometheusText(utf8(`a{${labels},l9="v"} 1\n`)), "1:2288893: the label name", "…");
});

test("a number of very many digits is read in time that grows with it", () => {
  const digits = "1".repeat(1_000_000);
  checkRefused(`a ${digits}x\n`, "1:3: the value");
  checkRefused(`a 1 ${digits}\n`, "1:5: the timestamp");
  checkSamples(`a 0.${digits} ${"0".repeat(1_000_000)}5\n`, ["a{} 0.1111111111111111 @5"]);
});
