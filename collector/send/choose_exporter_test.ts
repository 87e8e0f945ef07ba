import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { chooseExporter } from "./choose_exporter.ts";

const random = seededRandom(1);
const addresses = Array.from({ length: 10 }, (_, load) => ({ address: `e${load}:1`, load }));

function countChoices(avoided: ReadonlySet<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (let draw = 0; draw < 9_000; draw++) {
    const address = chooseExporter(addresses, avoided, random)?.address ?? "";
    counts.set(address, (counts.get(address) ?? 0) + 1);
  }
  return counts;
}

test("of two random exporters the less loaded is chosen", () => {
  const counts = countChoices(new Set());
  for (const { address, load } of addresses) {
    // The chance to be in a pair with one of the (9 - load) that are worse is 2 (9 - load) in 90.
    const expected = 9_000 * 2 * (9 - load) / 90;
    const found = counts.get(address) ?? 0;
    assert.ok(Math.abs(found - expected) < 200, `${address}: ${found} instead of about ${expected}`);
  }
});

test("exporters to be avoided are not chosen", () => {
  assert.deepEqual([...countChoices(new Set(addresses.slice(1).map(({ address }) => address))).keys()], ["e0:1"]);
  assert.deepEqual([...countChoices(new Set(addresses.map(({ address }) => address))).keys()], [""]);
  assert.equal(chooseExporter([], new Set(), random), null);
});
