import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { targetLabels } from "../../core/scrape/target_labels.ts";
import { testMetric } from "../testing/collections.ts";
import { exposition } from "../testing/expositions.ts";
import { blockCharsMax, blockSeriesMax } from "./blocks.ts";
import { type EncodedExposition, type EncoderOptions, ExpositionEncoder } from "./encode.ts";
import { ShapeCache } from "./shape_cache.ts";

interface Options {
  readonly address?: string;
  readonly honorLabels?: boolean;
  readonly honorTimestamps?: boolean;
  readonly limits?: Record<string, number>;
  readonly cache?: ShapeCache;
  readonly metricRelabelings?: EncoderOptions["metricRelabelings"];
}

function encoder(options: Options = {}): ExpositionEncoder {
  const { address = "10.0.0.7:9100", honorLabels = false, honorTimestamps = true, cache = new ShapeCache() } = options;
  const identity = { cluster: "c", namespace: "shop", metric: "cart", address, pod: "" };
  const { limits } = testMetric({ limits: options.limits ?? {} });
  return new ExpositionEncoder({
    address,
    labels: targetLabels(identity, {}, {}),
    honorLabels,
    honorTimestamps,
    limits,
    metricRelabelings: options.metricRelabelings ?? [],
    cache,
  });
}

/** `name{label=value,…} value` for each sample that is sent. */
function lines(encoded: EncodedExposition): string[] {
  const series = encoded.blocks.flatMap((block) => block.shape.series);
  assert.equal(series.length, encoded.values.length);
  return series.map(({ name, labels }, index) => {
    const inner = labels.map((label) => `${label.name}=${label.value}`).join(",");
    return `${name}${inner === "" ? "" : `{${inner}}`} ${encoded.values[index]}`;
  });
}

const body = `# HELP requests Requests.
# TYPE requests counter
requests{code="200"} 10
requests{code="500"} 1
# TYPE queue gauge
queue 3
`;

test("each family becomes a block with its metadata, values in order", () => {
  const encoded = encoder().encode(exposition(body));
  assert.deepEqual(lines(encoded), ["requests{code=200} 10", "requests{code=500} 1", "queue 3"]);
  assert.deepEqual(encoded.blocks.map(({ shape: { family, type, help } }) => [family, type, help]), [
    ["requests", "counter", "Requests."],
    ["queue", "gauge", ""],
  ]);
  assert.equal(encoded.samplesScraped, 3);
  assert.equal(encoded.seriesAdded, 3);
  assert.equal(encoded.sampleTimesMs, null);
});

test("an unchanged exposition keeps its blocks, and targets that expose the same share them", () => {
  const cache = new ShapeCache();
  const one = encoder({ cache });
  const first = one.encode(exposition(body));
  const second = one.encode(exposition(body.replace("queue 3", "queue 4")));
  const other = encoder({ cache, address: "10.0.0.8:9100" }).encode(exposition(body));
  assert.equal(second.seriesAdded, 0);
  assert.deepEqual(lines(second).at(-1), "queue 4");
  for (const [index, block] of first.blocks.entries()) {
    assert.equal(second.blocks[index], block);
    assert.equal(other.blocks[index], block);
  }
});

test("only a family that changed becomes another block", () => {
  const one = encoder();
  const first = one.encode(exposition(body));
  const second = one.encode(exposition(`${body}queue{shard="1"} 5\n`));
  assert.equal(second.blocks[0], first.blocks[0]);
  assert.notEqual(second.blocks[1]?.shape.id, first.blocks[1]?.shape.id);
  assert.equal(second.seriesAdded, 1);
  assert.equal(one.encode(exposition(body)).seriesAdded, 0);
});

test("changed metadata is another block", () => {
  const one = encoder();
  const first = one.encode(exposition(body));
  const second = one.encode(exposition(body.replace("Requests.", "Requests served.")));
  assert.notEqual(second.blocks[0]?.shape.id, first.blocks[0]?.shape.id);
  assert.equal(second.seriesAdded, 0);
});

test("conflicting labels are renamed in the block, scrape after scrape", () => {
  const text = 'a{namespace="x"} 1\na{path="/"} 2\n';
  const one = encoder();
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(lines(one.encode(exposition(text))), ["a{exported_namespace=x} 1", "a{path=/} 2"]);
  }
  assert.deepEqual(lines(encoder({ honorLabels: true }).encode(exposition(text))), ["a{namespace=x} 1", "a{path=/} 2"]);
});

test("of a series that comes twice the first counts, scrape after scrape", () => {
  const text = 'a{x="1",y="2"} 1\nb 5\na{y="2",x="1"} 2\na 3\nb 6\n';
  const one = encoder();
  for (let round = 0; round < 2; round++) {
    const encoded = one.encode(exposition(text));
    assert.deepEqual(lines(encoded), ["a{x=1,y=2} 1", "a 3", "b 5"]);
    assert.equal(encoded.duplicates, 2);
    assert.equal(encoded.samplesScraped, 5);
  }
  assert.equal(one.encode(exposition("a 3\n")).duplicates, 0);
});

test("an exposed series that would be a synthetic one is dropped", () => {
  const encoded = encoder().encode(exposition('up 0\nup{job="x"} 0\nscrape_samples_scraped 7\n'));
  assert.deepEqual(lines(encoded), ["up{job=x} 0"]);
  assert.equal(encoded.duplicates, 2);
});

test("explicit times are kept only if they are honoured", () => {
  const text = "a 1 1700000000123\nb 2\nc 3 -5\n";
  const times = encoder().encode(exposition(text)).sampleTimesMs;
  assert.deepEqual([...times ?? []], [1_700_000_000_123, NaN, -5]);
  assert.equal(encoder({ honorTimestamps: false }).encode(exposition(text)).sampleTimesMs, null);
});

test("a time that no calendar has is refused", () => {
  assert.throws(
    () => encoder().encode(exposition("a 1 9223372036854775807\n")),
    /timestamp 9223372036854775807 of "a" is out of range|timestamp 9223372036854776000 of "a" is out of range/,
  );
});

test("values come through with all their bits", () => {
  const encoded = encoder().encode(exposition("a NaN\nb +Inf\nc -Inf\nd -0\ne 1e-320\nf 0.1\n"));
  assert.deepEqual([...encoded.values], [NaN, Infinity, -Infinity, -0, 1e-320, 0.1]);
});

test("an exceeded limit refuses the scrape and forgets nothing", () => {
  const one = encoder({ limits: { samples: 4, labelValueLength: 100 } });
  const first = one.encode(exposition(body));
  assert.throws(() => one.encode(exposition(`${body}x 1\ny 1\n`)), /limits.samples of 4: 5 samples/);
  assert.throws(() => one.encode(exposition(`a{b="${"x".repeat(101)}"} 1\n`)), /limits.labelValueLength of 100/);
  const again = one.encode(exposition(body));
  assert.equal(again.seriesAdded, 0);
  assert.equal(again.blocks[0], first.blocks[0]);
});

test("a large family is cut into blocks that each fit a frame", () => {
  const one = encoder();
  const many = Array.from({ length: blockSeriesMax + 1 }, (_, index) => `a{i="${index}"} ${index}\n`).join("");
  const counted = one.encode(exposition(many));
  assert.deepEqual(counted.blocks.map((block) => block.shape.series.length), [blockSeriesMax, 1]);
  assert.ok(counted.blocks.every((block) => block.shape.family === "a"));
  assert.equal(one.encode(exposition(many)).blocks[1], counted.blocks[1]);
  const long = "x".repeat(blockCharsMax / 2);
  const wide = encoder().encode(exposition(`a{i="1${long}"} 1\na{i="2${long}"} 2\n`));
  assert.equal(wide.blocks.length, 2);
});

test("a series too long for any frame is refused", () => {
  const text = `a{b="${"x".repeat(blockCharsMax)}"} 1\n`;
  assert.throws(() => encoder().encode(exposition(text)), ScrapeRefusedError);
  assert.throws(() => encoder().encode(exposition(`# HELP a ${"x".repeat(blockCharsMax)}\na 1\n`)), ScrapeRefusedError);
});

test("an empty exposition has no blocks", () => {
  const encoded = encoder().encode(exposition("# TYPE a counter\n"));
  assert.deepEqual([encoded.blocks.length, encoded.values.length, encoded.samplesScraped], [0, 0, 0]);
});

test("what is encoded after any other exposition is what a new encoder makes of it", () => {
  const label = fc.constantFrom("", '{a="1"}', '{a="2"}', '{pod="x"}', '{exported_pod="x"}', '{drop="1"}');
  const line = fc.tuple(fc.constantFrom("a", "b", "old", "up"), label).map(([name, labels]) => `${name}${labels} 1\n`);
  const text = fc.array(line, { maxLength: 8 }).map((all) => all.toSorted().join(""));
  const metricRelabelings = testMetric({
    metricRelabelings: [
      { sourceLabels: ["drop"], regex: "1", action: "drop" },
      { sourceLabels: ["__name__"], regex: "old", targetLabel: "__name__", replacement: "a" },
    ],
  }).metricRelabelings;
  const make = () => encoder({ metricRelabelings });
  fc.assert(fc.property(fc.array(text, { minLength: 2, maxLength: 5 }), (texts) => {
    const old = make();
    for (const one of texts) {
      const got = old.encode(exposition(one));
      const want = make().encode(exposition(one));
      assert.deepEqual(lines(got), lines(want));
      assert.deepEqual(
        [got.samplesScraped, got.samplesPostRelabeling, got.duplicates],
        [want.samplesScraped, want.samplesPostRelabeling, want.duplicates],
      );
      assert.deepEqual(got.blocks.map(({ shape }) => shape.id), want.blocks.map(({ shape }) => shape.id));
    }
  }));
});
