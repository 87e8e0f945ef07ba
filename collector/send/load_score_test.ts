import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { chooseExporter } from "./choose_exporter.ts";
import { loadScore } from "./load_score.ts";

interface ModelExporter {
  readonly address: string;
  connections: number;
  bytesPerSecond: number;
  queueAgeMs: number;
}

const scoreOf = ({ connections, bytesPerSecond, queueAgeMs }: ModelExporter) =>
  loadScore({ connections, bytesPerSecond, queueAgeMs });

/**
 * Collectors of very different sizes choose among five exporters; what these publish is as old as that many choices
 * of others. Returns the exporters.
 */
function choose(seed: number, collectors: number, staleness: number, changes: Partial<ModelExporter> = {}) {
  const random = seededRandom(seed);
  const exporters: ModelExporter[] = Array.from({ length: 5 }, (_, index) => ({
    address: `e${index}:1`,
    connections: 0,
    bytesPerSecond: 0,
    queueAgeMs: 0,
    ...index === 0 ? changes : {},
  }));
  let published = exporters.map((one) => ({ address: one.address, load: scoreOf(one) }));
  for (let index = 0; index < collectors; index++) {
    if (index % staleness === 0) {
      published = exporters.map((one) => ({ address: one.address, load: scoreOf(one) }));
    }
    const chosen = chooseExporter(published, new Set(), random)?.address;
    const exporter = exporters.find(({ address }) => address === chosen) ?? assert.fail("one is chosen");
    exporter.connections++;
    // Most collectors are small; one in ten has twenty times the data.
    exporter.bytesPerSecond += random.float() < 0.1 ? 1_000_000 : 50_000;
  }
  return exporters;
}

const greatest = (values: readonly number[]) => Math.max(...values);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("a hundred collectors of uneven size spread over five exporters, by bytes and by number", () => {
  const shares = { bytes: [] as number[], connections: [] as number[] };
  for (let seed = 1; seed <= 50; seed++) {
    const exporters = choose(seed, 100, 5);
    const bytes = exporters.map(({ bytesPerSecond }) => bytesPerSecond);
    const connections = exporters.map((one) => one.connections);
    shares.bytes.push(greatest(bytes) / mean(bytes));
    shares.connections.push(greatest(connections) / mean(connections));
  }
  // The large collectors are few, and one comes blind: more than evenness on average is not to be had.
  assert.ok(mean(shares.bytes) < 1.4, `the fullest has ${mean(shares.bytes)} times the mean of bytes`);
  assert.ok(
    mean(shares.connections) < 1.6,
    `the fullest has ${mean(shares.connections)} times the mean of connections`,
  );
  assert.ok(greatest(shares.bytes) < 2.2, `at worst ${greatest(shares.bytes)} times`);
});

test("when all choose at once by the same old figures, none gets more than its share", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const connections = choose(seed, 100, 100).map((one) => one.connections);
    assert.ok(greatest(connections) < 45, connections.join());
  }
});

test("an exporter whose sinks are behind gets fewer, and one nearly full fewer still", () => {
  const behind = mean(
    [1, 2, 3, 4, 5].map((seed) => choose(seed, 100, 5, { queueAgeMs: 300_000 })[0]?.connections ?? 0),
  );
  assert.ok(behind < 12 && behind > 0, `${behind} of 100`);
  const base = { connections: 10, bytesPerSecond: 500_000 };
  assert.ok(loadScore({ ...base, walFill: 0.9 }) > loadScore({ ...base, queueAgeMs: 240_000 }));
  assert.equal(loadScore({ ...base, queueAgeMs: 1e12 }), loadScore({ ...base, queueAgeMs: 1e15 }), "it is bounded");
});

test("what is not published counts as nothing, and nonsense does no harm", () => {
  assert.equal(loadScore({}), 1);
  assert.equal(loadScore({ connections: -5, bytesPerSecond: -1, queueAgeMs: -1, walFill: -1 }), 1);
  assert.equal(loadScore({ walFill: 7 }), loadScore({ walFill: 1 }));
});
