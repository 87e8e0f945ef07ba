import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryExpositionError, type Exposition } from "../exposition.ts";
import {
  delimited,
  doubleField,
  family,
  join,
  label,
  messageField,
  numberField,
  packedDoubles,
  packedSigned,
  signedField,
  textField,
  varint,
} from "../testing/protobuf.ts";
import { familyLines, sampleLines } from "../testing/texts.ts";
import { parseProtobuf } from "./parse.ts";

const gauge = (value: number) => messageField(2, doubleField(1, value));
const bucket = (bound: number, count: number) => messageField(3, numberField(1, count), doubleField(2, bound));
const span = (field: number, offset: number, length: number) =>
  messageField(field, signedField(1, offset), numberField(2, length));

function parse(...families: readonly Uint8Array[]): Exposition {
  return parseProtobuf(delimited(...families));
}

function checkRefused(body: Uint8Array, want: string, options: { strict: boolean } = { strict: false }): void {
  try {
    parseProtobuf(body, options);
  } catch (error) {
    assert.ok(error instanceof BinaryExpositionError);
    assert.equal(error.message.slice(0, want.length), want);
    assert.equal(error.column, error.byteOffset + 1);
    return;
  }
  assert.fail(`accepted what must be refused with ${want}`);
}

test("counters, gauges and untyped metrics are one sample each, with help and unit", () => {
  const exposition = parse(
    join(family("c_total", "counter", [messageField(3, doubleField(1, 5))]), textField(2, "How é")),
    family("g", "gauge", [label(1, "a", "é"), gauge(-0), numberField(6, -3n)], [label(1, "a", "2"), gauge(NaN)]),
    family("u", "unknown", [messageField(5, doubleField(1, Infinity)), numberField(6, 0)]),
    join(family("x_bytes_total", "counter", [messageField(3)]), textField(5, "bytes")),
  );
  assert.deepEqual(sampleLines(exposition), [
    "c_total{} 5",
    'g{a="é"} -0 @-3',
    'g{a="2"} NaN',
    "u{} Infinity",
    "x_bytes_total{} 0",
  ]);
  assert.deepEqual(familyLines(exposition), [
    'c_total counter 1 help="How é"',
    "g gauge 2",
    "u unknown 1",
    "x_bytes_total counter 1 unit=bytes",
  ]);
});

test("a summary and a classic histogram are the series that text would have", () => {
  const summary = messageField(
    4,
    numberField(1, 3),
    doubleField(2, 1.5),
    messageField(3, doubleField(1, 0.5), doubleField(2, 0.25)),
    messageField(3, doubleField(1, 1), doubleField(2, NaN)),
  );
  const histogram = messageField(
    7,
    numberField(1, 4),
    doubleField(2, 9),
    bucket(0.005, 1),
    bucket(1, 2),
    bucket(1e6, 3),
  );
  assert.deepEqual(
    sampleLines(parse(family("s", "summary", [summary]), family("h", "histogram", [label(1, "a", "b"), histogram]))),
    [
      's{quantile="0.5"} 0.25',
      's{quantile="1.0"} NaN',
      "s_sum{} 1.5",
      "s_count{} 3",
      'h_bucket{a="b",le="0.005"} 1',
      'h_bucket{a="b",le="1.0"} 2',
      'h_bucket{a="b",le="1e+06"} 3',
      'h_bucket{a="b",le="+Inf"} 4',
      'h_sum{a="b"} 9',
      'h_count{a="b"} 4',
    ],
  );
});

test("a gauge histogram has the names of OpenMetrics, and float counts override whole ones", () => {
  const float = messageField(3, numberField(1, 9), doubleField(2, Infinity), doubleField(4, 1.5));
  const histogram = messageField(7, numberField(1, 9), doubleField(4, 1.5), doubleField(2, -1), float);
  assert.deepEqual(sampleLines(parse(family("q", "gaugehistogram", [histogram]))), [
    'q_bucket{le="+Inf"} 1.5',
    "q_gsum{} -1",
    "q_gcount{} 1.5",
  ]);
});

test("exemplars and created timestamps are kept", () => {
  const time = (field: number) => messageField(field, numberField(1, 5), numberField(2, 250_999_999));
  const exemplar = (field: number) => messageField(field, label(1, "id", "x"), doubleField(2, 0.5), time(3));
  const [counter, histogram] = parse(
    family("c", "counter", [messageField(3, doubleField(1, 1), exemplar(2), time(3))]),
    family("h", "histogram", [
      messageField(
        7,
        numberField(1, 1),
        messageField(3, doubleField(2, 1), exemplar(3)),
        span(12, 0, 0),
        exemplar(16),
        time(15),
      ),
    ]),
  ).families;
  const want = { labels: [{ name: "id", value: "x" }], value: 0.5, timestampMs: 5250 };
  assert.deepEqual(counter?.samples[0], {
    name: "c",
    labels: [],
    value: 1,
    timestampMs: null,
    exemplar: want,
    createdMs: 5250,
  });
  assert.deepEqual(histogram?.samples[0]?.exemplar, want);
  assert.ok(histogram?.samples.every((sample) => sample.createdMs === 5250));
  assert.deepEqual(histogram?.nativeHistograms?.map(({ exemplars, createdMs }) => [exemplars, createdMs]), [[
    [want],
    5250,
  ]]);
});

test("an integer native histogram is read with absolute counts, beside its classic part", () => {
  const native = messageField(
    7,
    numberField(1, 10),
    doubleField(2, 12.5),
    bucket(1, 4),
    signedField(5, -4),
    doubleField(6, 0.001),
    numberField(7, 2),
    span(9, -3, 1),
    packedSigned(10, [1]),
    span(12, 2, 2),
    span(12, 5, 1),
    packedSigned(13, [4, -2, -1]),
  );
  const [read] = parse(family("h", "histogram", [label(1, "a", "b"), native])).families;
  assert.deepEqual(read?.nativeHistograms, [{
    name: "h",
    labels: [{ name: "a", value: "b" }],
    timestampMs: null,
    exemplars: [],
    histogram: {
      float: false,
      schema: -4,
      count: 10,
      sum: 12.5,
      zeroThreshold: 0.001,
      zeroCount: 2,
      positive: { spans: [{ offset: 2, length: 2 }, { offset: 5, length: 1 }], counts: [4, 2, 1] },
      negative: { spans: [{ offset: -3, length: 1 }], counts: [1] },
      customBounds: [],
    },
  }]);
  assert.equal(read?.samples.length, 4);
});

test("a float native histogram without classic buckets still makes a classic one of one bucket", () => {
  const native = messageField(
    7,
    doubleField(4, 2.5),
    doubleField(8, 0.5),
    signedField(5, 8),
    span(12, 0, 2),
    packedDoubles(14, [1.5]),
    doubleField(14, 0.5),
  );
  const exposition = parse(family("h", "histogram", [native]));
  const histogram = exposition.families[0]?.nativeHistograms?.[0]?.histogram;
  assert.equal(histogram?.float, true);
  assert.equal(histogram?.zeroCount, 0.5);
  assert.deepEqual(histogram?.positive.counts, [1.5, 0.5]);
  assert.deepEqual(sampleLines(exposition), ['h_bucket{le="+Inf"} 2.5', "h_sum{} 0", "h_count{} 2.5"]);
});

test("native histograms that cannot be are refused", () => {
  const refused = (want: string, ...fields: readonly Uint8Array[]) => {
    const body = delimited(family("h", "histogram", [messageField(7, ...fields)]));
    checkRefused(body, `byte 6: the native histogram "h" ${want}`);
  };
  refused("has the schema 9,", signedField(5, 9), span(12, 0, 0));
  refused("has the schema -5,", signedField(5, -5), span(12, 0, 0));
  refused("has 4294967295 positive buckets in its spans and 0 counts", span(12, 0, 4294967295));
  refused("has 0 negative buckets in its spans and 1 counts", span(9, 0, 0), packedSigned(10, [1]));
  refused("has a positive bucket with a negative count", span(12, 0, 1), packedSigned(13, [-1]));
  refused("has a positive span that lies before", span(12, 0, 0), span(12, -1, 0));
  refused("has custom bounds and a zero bucket", signedField(5, -53), span(12, 0, 0), numberField(7, 1));
  refused("has a negative zero threshold", doubleField(6, NaN), numberField(7, 1));
});

test("fields come in any order, and unknown ones are skipped", () => {
  const odd = join(
    textField(99, "x"),
    numberField(98, 2 ** 40),
    doubleField(97, 1),
    varint(96 << 3 | 5),
    new Uint8Array(4),
  );
  const exposition = parse(join(messageField(4, gauge(1), odd), odd, numberField(3, 1), textField(1, "g")));
  assert.deepEqual(familyLines(exposition), ["g gauge 1"]);
});

test("a family may come in several messages, and one without metrics does not count", () => {
  const exposition = parse(
    family("g", "gauge", [gauge(1)]),
    family("g", "gauge", [label(1, "a", "1"), gauge(2)]),
    textField(2, "x"),
  );
  assert.deepEqual(familyLines(exposition), ["g gauge 2"]);
  assert.deepEqual(parse().families, []);
});

test("bad bodies are refused at a byte", () => {
  const good = family("g", "gauge", [gauge(1)]);
  checkRefused(Uint8Array.of(5), "byte 0: a message of 5 bytes is cut off: 0 are left");
  checkRefused(Uint8Array.of(0x80), "byte 0: a number is cut off");
  checkRefused(delimited(good).subarray(0, -1), "byte 0: a message of 18 bytes is cut off: 17 are left");
  checkRefused(Uint8Array.from(Array(11).fill(0xff)), "byte 0: a number is longer than 64 bits");
  checkRefused(delimited(Uint8Array.of(0)), "byte 1: a field has the number 0");
  checkRefused(delimited(Uint8Array.of(0x0b)), "byte 1: field 1 has the wire type 3 instead of 2");
  checkRefused(delimited(Uint8Array.of(0x7b)), "byte 1: field 15 has the wire type 3, which no metric has");
  checkRefused(delimited(textField(1, Uint8Array.of(0x61, 0xff))), "byte 4: the text is not valid UTF-8");
  checkRefused(delimited(numberField(1, 1)), "byte 1: field 1 has the wire type 0 instead of 2");
});

test("families and metrics that say nothing sound are refused", () => {
  checkRefused(delimited(family("", "gauge", [gauge(1)])), "byte 1: the family has no name");
  checkRefused(
    delimited(join(family("g", "gauge", [gauge(1)]), numberField(3, 6))),
    'byte 1: the family "g" has an unknown type',
  );
  checkRefused(
    delimited(family("c", "counter", [gauge(1)])),
    'byte 6: a metric of "c" has no value for its type, counter',
  );
  checkRefused(
    delimited(join(family("g_s", "gauge", [gauge(1)]), textField(5, "m"))),
    'byte 1: the unit "m" does not end',
  );
  const twice = [label(1, "a", "1"), label(1, "a", "2"), gauge(1)];
  checkRefused(delimited(family("g", "gauge", twice)), 'byte 16: the label name "a" occurs twice');
  checkRefused(delimited(family("g", "gauge", [label(1, "", "1"), gauge(1)])), "byte 8: the label name is empty");
  checkRefused(
    delimited(family("g", "gauge", [label(1, "__name__", "1"), gauge(1)])),
    'byte 8: the label name "__name__"',
  );
});

test("the strict reader asks for types, single series and sound histograms", () => {
  const strict = { strict: true };
  const good = family("g", "gauge", [gauge(1)]);
  parseProtobuf(delimited(good), strict);
  checkRefused(delimited(good, good), 'byte 20: the TYPE line of "g" comes after its samples', strict);
  checkRefused(delimited(family("g", "gauge", [gauge(1)], [gauge(2)])), "byte 19: the series occurs twice", strict);
  checkRefused(
    delimited(join(textField(1, "c"), messageField(4, messageField(3)))),
    'byte 1: the family "c" has no type',
    strict,
  );
  const falling = messageField(7, numberField(1, 1), bucket(1, 2));
  checkRefused(delimited(family("h", "histogram", [falling])), "byte 6: the bucket holds less", strict);
  const wrong = messageField(7, numberField(1, 1), numberField(7, 2));
  checkRefused(
    delimited(family("h", "histogram", [wrong])),
    'byte 6: the native histogram "h" has buckets of 2 observations and a count of 1',
    strict,
  );
});

test("a small body cannot ask for unbounded samples", () => {
  const labels = Array.from({ length: 20_000 }, (_, index) => label(1, `l${index}`, ""));
  const histogram = messageField(7, join(...Array.from({ length: 2000 }, () => messageField(3))));
  checkRefused(
    delimited(family("h", "histogram", [...labels, histogram])),
    "byte 8: the exposition has more than 20000000",
  );
});

test("counts beyond 32 bits are exact up to 2^53", () => {
  const native = messageField(7, numberField(1, 2 ** 53), span(12, 0, 2), packedSigned(13, [2 ** 53, -(2 ** 53) + 1]));
  const histogram = parse(family("h", "histogram", [native])).families[0]?.nativeHistograms?.[0]?.histogram;
  assert.equal(histogram?.count, 2 ** 53);
  assert.deepEqual(histogram?.positive.counts, [2 ** 53, 1]);
});
