import assert from "node:assert/strict";
import { test } from "node:test";
import { serviceLedger } from "../../core/telemetry/ledger_answer.ts";
import { liveOf, recordOf } from "../testing/fake_registry.ts";
import { gatherLedger } from "./gather.ts";

const none = { entries: 0, samples: 0 };

function sinkOf(name: string, taken: number, delivered: number, held: number) {
  return {
    name,
    type: "file",
    taken,
    delivered: { entries: delivered, samples: delivered },
    rejected: none,
    notCarried: none,
    notRouted: none,
    lost: none,
    held,
    declared: { entries: 2, samples: 20 },
    balanced: true,
    oldestHeldMs: null,
    alarm: false,
    lastError: null,
  };
}

function exporterOf(name: string, ...sinks: ReturnType<typeof sinkOf>[]) {
  return { exporter: name, nowMs: 1, logEntries: 1, balanced: true, sinks };
}

/** Exporters by port; one that is not there refuses. */
async function gather(answers: Readonly<Record<number, unknown>>, collectors = [liveOf(recordOf("collector", "x"))]) {
  const exporters = [1, 2].map((port) => liveOf(recordOf("exporter", `e${port}`, { metric_port: port })));
  const asked: string[] = [];
  const ledger = await gatherLedger({
    exporters: () => exporters,
    collectors: () => collectors,
    fetch: (url) => {
      asked.push(url);
      const answer = answers[Number(new URL(url).port)];
      if (answer === undefined) return Promise.reject(new TypeError("refused"));
      return Promise.resolve(typeof answer === "number" ? new Response("", { status: answer }) : Response.json(answer));
    },
  }, "?namespace=shop");
  return { ledger: serviceLedger.parse(ledger), asked };
}

test("the books of sinks of one name are added up", async () => {
  const { ledger, asked } = await gather({
    1: exporterOf("e1", sinkOf("file", 10, 8, 2), sinkOf("tsdb", 10, 0, 10)),
    2: exporterOf("e2", sinkOf("file", 5, 5, 0)),
  });
  assert.deepEqual(
    ledger.sinks.map(({ name, taken, delivered, held, declared }) => [name, taken, delivered, held, declared]),
    [
      ["file", 15, 13, 2, 4],
      ["tsdb", 10, 0, 10, 2],
    ],
  );
  assert.deepEqual([ledger.balanced, ledger.complete], [true, true]);
  assert.deepEqual(asked.map((url) => url.replace(/^.*\/v1/, "/v1")), Array(2).fill("/v1/ledger?namespace=shop"));
});

test("exporters are shown the service's token, when it has one", async () => {
  const shown: unknown[] = [];
  const ask = (token: string) =>
    gatherLedger({
      exporters: () => [liveOf(recordOf("exporter", "e1", { metric_port: 1 }))],
      collectors: () => [],
      token: () => token,
      fetch: (_url, { headers }) => {
        shown.push(headers);
        return Promise.resolve(Response.json(exporterOf("e1")));
      },
    }, "");
  await ask("");
  await ask("secret");
  assert.deepEqual(shown, [{}, { authorization: "Bearer secret" }]);
});

test("an exporter that cannot be asked is named", async () => {
  for (const answer of [undefined, 401, { other: true }]) {
    const { ledger } = await gather({ 1: exporterOf("e1"), ...answer === undefined ? {} : { 2: answer } });
    assert.equal(ledger.complete, false);
    assert.deepEqual(ledger.unreachable.map(({ exporter }) => exporter), ["e2"]);
    assert.notEqual(ledger.unreachable[0]?.reason, "");
  }
});

test("sums that do not agree are told, whatever the exporter says of them", async () => {
  const { ledger } = await gather({ 1: exporterOf("e1", sinkOf("file", 10, 8, 1)), 2: exporterOf("e2") });
  assert.equal(ledger.balanced, false);
});

test("the books of collectors are held to their own sum", async () => {
  const books = { recovered: 1, made: 9, acknowledged: 6, lost: 1, held: 3 };
  const good = liveOf(recordOf("collector", "good", { ledger: books }));
  const bad = liveOf(recordOf("collector", "bad", { ledger: { ...books, held: 4 } }));
  const { ledger } = await gather({ 1: exporterOf("e1"), 2: exporterOf("e2") }, [good, bad]);
  assert.deepEqual(ledger.collectors.map(({ collector, balanced }) => [collector, balanced]), [
    ["good", true],
    ["bad", false],
  ]);
  assert.equal(ledger.balanced, false);
});
