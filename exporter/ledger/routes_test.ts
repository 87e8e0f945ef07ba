import assert from "node:assert/strict";
import { test } from "node:test";
import { exporterLedger } from "../../core/telemetry/ledger_answer.ts";
import { newBooks, newTally } from "./books.ts";
import type { SinkBooks } from "./ledger.ts";
import { contentOf } from "./loss.ts";
import { ledgerRoutes, type LedgerRoutesDeps } from "./routes.ts";

const origin = { cluster: "c", namespace: "shop", name: "x", epoch: 17n };

function booksOf(heldEntries: number): SinkBooks {
  const books = newBooks(10, 0);
  books.settled.delivered = newTally(80, 800);
  books.settled.lostRetention = newTally(4, 40);
  const place = { firstSegment: 1, lastSegment: 1, fromEntry: 0, toEntry: 4 };
  const content = contentOf([{ origin, sequence: 2, samples: 1, timestampMs: 5 }]);
  return {
    name: "tsdb",
    type: "remote_write",
    books,
    heldEntries,
    oldestHeldMs: 5,
    lastError: "HTTP 503",
    alarm: false,
    losses: [{ declaredMs: 1, reason: "retention", detail: "", ...place, ...content }],
    settledSequence: () => 40,
    origins: () => [origin],
  };
}

function appOf(heldEntries = 6, over: Partial<LedgerRoutesDeps> = {}) {
  const delivery = {
    books: () => [booksOf(heldEntries)],
    deadLetters: (sink: string) => sink === "tsdb" ? Promise.resolve([]) : null,
    resend: (sink: string) =>
      sink === "tsdb"
        ? Promise.resolve({ delivered: newTally(1, 1), rejected: newTally(), left: newTally(), reason: null })
        : null,
    stats: () => [],
    stop: () => Promise.resolve(),
  };
  const wal = { stats: () => ({ entries: 100 }) as never, resumePoint: () => 60 };
  const parts = () => ({ wal, delivery });
  return ledgerRoutes({
    name: "e",
    clock: { wallMs: () => 7 },
    host: "127.0.0.1",
    authenticated: false,
    parts,
    ...over,
  });
}

async function ledgerOf(query: string, heldEntries = 6) {
  const answer = await appOf(heldEntries).request(`/v1/ledger${query}`);
  return exporterLedger.parse(await answer.json());
}

test("the books of a sink add up to what was taken", async () => {
  const ledger = await ledgerOf("");
  const [sink] = ledger.sinks;
  assert.deepEqual([sink?.taken, sink?.delivered.entries, sink?.lost.entries, sink?.held], [90, 80, 4, 6]);
  assert.deepEqual([ledger.balanced, sink?.balanced], [true, true]);
  assert.equal(ledger.origins, undefined);
});

test("books that do not add up say so", async () => {
  assert.equal((await ledgerOf("", 7)).balanced, false);
});

test("origins show how far their records have come, and what is lost of them", async () => {
  const sinks = [{
    name: "tsdb",
    settled: 40,
    lost: [{ firstSequence: 2, lastSequence: 2, reason: "retention" }],
  }];
  const known = { cluster: "c", namespace: "shop", name: "x", epoch: "17", acknowledged: 60, sinks };
  assert.deepEqual((await ledgerOf("?namespace=shop")).origins, [known]);
  assert.deepEqual((await ledgerOf("?namespace=bank")).origins, []);
  assert.deepEqual((await ledgerOf("?cluster=c&namespace=shop&collector=y&epoch=1")).origins?.map(({ name }) => name), [
    "y",
  ]);
  assert.equal((await appOf().request("/v1/ledger?epoch=x")).status, 400);
});

test("an exporter that is starting says so", async () => {
  assert.equal((await appOf(0, { parts: () => null }).request("/v1/ledger")).status, 503);
});

test("dead letters are shown and sent on loopback, or to whom is known, only", async () => {
  const post = { method: "POST" };
  assert.equal((await appOf().request("/v1/dead-letters/tsdb")).status, 200);
  assert.equal((await appOf().request("/v1/dead-letters/tsdb/resend", post)).status, 200);
  assert.equal((await appOf().request("/v1/dead-letters/none")).status, 404);
  assert.equal((await appOf().request("/v1/dead-letters/none/resend", post)).status, 404);
  assert.equal((await appOf().request("/v1/dead-letters/tsdb?limit=x")).status, 400);
  const open = { host: "0.0.0.0" };
  assert.equal((await appOf(0, open).request("/v1/dead-letters/tsdb/resend", post)).status, 403);
  assert.equal((await appOf(0, { ...open, authenticated: true }).request("/v1/dead-letters/tsdb")).status, 200);
});
