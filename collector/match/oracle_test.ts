import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { openKernel } from "../kernel/open_kernel.ts";
import { PlainKernel } from "../kernel/plain_kernel.ts";
import { Matching } from "./matching.ts";
import { bodies, type BodiesOptions } from "./testing/bodies.ts";
import { TestTarget } from "./testing/scrapes.ts";

const memoryBytes = 4 * 1024 * 1024;
const kernels: readonly (() => Kernel)[] = [
  () => openKernel(makeLogger("test", "silent"), memoryBytes),
  () => new PlainKernel(memoryBytes),
];

const rules = [
  { sourceLabels: ["drop"], regex: "1", action: "drop" },
  { sourceLabels: ["__name__"], regex: "old", targetLabel: "__name__", replacement: "plain" },
];

/** How the metric is defined matters for what becomes of the series. */
const definitions: readonly Record<string, unknown>[] = [
  {},
  { honorLabels: true, constLabels: { a: "const" } },
  { metricRelabelings: rules },
  { limits: { samples: 25, labelValueLength: 20 } },
  { honorTimestamps: false, trackTimestampsStaleness: true, nameEscaping: "underscores" },
];

for (const make of kernels) {
  const { name } = make();
  const agree = async (fields: Record<string, unknown>, options: BodiesOptions, numRuns: number) => {
    const counts = { matched: 0, partly: 0, parsed: 0 };
    await fc.assert(
      fc.asyncProperty(bodies(options), async (sequence) => {
        const matching = new Matching(make());
        const fast = new TestTarget(matching, fields);
        const naive = new TestTarget(null, fields);
        // Another target, which is one scrape behind, may use what was learnt of the first, or of bodies of its own.
        const other = { address: "10.0.0.8:9100", labels: { app: "other" } };
        const [fastOther, naiveOther] = [new TestTarget(matching, fields, other), new TestTarget(null, fields, other)];
        for (const [index, { text, format }] of sequence.entries()) {
          assert.deepEqual(await fast.scrape(text, format), await naive.scrape(text, format));
          const before = sequence[index - 1];
          if (before === undefined) continue;
          const { text: textBefore, format: formatBefore } = before;
          assert.deepEqual(
            await fastOther.scrape(textBefore, formatBefore),
            await naiveOther.scrape(textBefore, formatBefore),
          );
        }
        assert.deepEqual(fast.end(), naive.end());
        assert.deepEqual(fastOther.end(), naiveOther.end());
        assert.equal(matching.expectations.size, 0);
        for (const way of ["matched", "partly", "parsed"] as const) counts[way] += matching.counts[way];
      }),
      { numRuns },
    );
    // Were nothing matched, nothing would be tested.
    assert.ok(counts.matched > 0 && counts.parsed > 0, JSON.stringify(counts));
    // Where rules rename series, those of one family may be those of another.
    assert.ok(counts.partly > 0 || "metricRelabelings" in fields, JSON.stringify(counts));
  };

  for (const [index, fields] of definitions.entries()) {
    test(`${name}: matched or parsed, all records are the same (definition ${index})`, async () => {
      await agree(fields, { formats: ["prometheus"], isDamaged: false }, 10);
      await agree(fields, { formats: ["openmetrics"], isDamaged: false }, 10);
    });
  }

  test(`${name}: damaged bodies and changing formats come to the same, errors included`, async () => {
    await agree({}, { formats: ["prometheus"], isDamaged: true }, 20);
    await agree({}, { formats: ["openmetrics"], isDamaged: true }, 15);
    await agree({}, { formats: ["prometheus", "openmetrics"], isDamaged: true }, 15);
  });
}
