import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import {
  addShapes,
  appendAll,
  opaque,
  openTestWal,
  origin,
  quiet,
  scrapes,
  shapesOf,
  startMs,
  type TestWal,
} from "../wal/wal_testing.ts";
import { readTailQuery } from "./query.ts";
import { tailRoutes } from "./routes.ts";
import { Tail } from "./tail.ts";

const log = makeLogger("test", "silent");
const a = origin("a");
const cart = shapesOf("cart");
const order = shapesOf("order");

interface TestTail {
  readonly tail: Tail;
  readonly ended: () => number;
  /** The next piece of text; null at the end. */
  readonly next: () => Promise<string | null>;
}

async function openLog(context: TestContext): Promise<TestWal> {
  const opened = await openTestWal();
  context.after(() => opened.wal.close());
  addShapes(opened.wal, cart);
  addShapes(opened.wal, order);
  return opened;
}

function openTail(context: TestContext, { wal, clock }: TestWal, query = ""): TestTail {
  let ended = 0;
  const tail = new Tail({ wal, clock, log, query: readTailQuery(new URLSearchParams(query)), onEnd: () => ended++ });
  context.after(() => tail.close());
  const reader = tail.body.pipeThrough(new TextDecoderStream()).getReader();
  return { tail, ended: () => ended, next: async () => (await reader.read()).value ?? null };
}

function parseLines(text: string | null): { name?: string; notice?: string; value?: unknown; samples?: number }[] {
  return (text ?? "").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

test("shows what comes from now on, each sample with its labels and type", async (context) => {
  const opened = await openLog(context);
  await appendAll(opened.wal, [scrapes(a, 1, cart)]);
  const { next } = openTail(context, opened, "name=cart_errors_total");
  const text = next();
  await appendAll(opened.wal, [scrapes(a, 2, cart)]);
  assert.deepEqual(parseLines(await text), [{
    name: "cart_errors_total",
    labels: { instance: "cart:9100", path: "/" },
    value: "NaN",
    timestampMs: startMs + 2,
    type: "counter",
  }]);
});

test("patterns of name and labels choose the series", async (context) => {
  const opened = await openLog(context);
  const { next } = openTail(context, opened, "name=*_requests_*&instance=order:*&label=path=/b");
  const text = next();
  await appendAll(opened.wal, [scrapes(a, 1, cart), scrapes(a, 2, order)]);
  assert.deepEqual(parseLines(await text).map(({ name, value }) => [name, value]), [["order_requests_total", 2.25]]);
});

test("more than was asked for a second is left out and counted", async (context) => {
  const opened = await openLog(context);
  const { next } = openTail(context, opened, "samplesPerSecond=3");
  const first = next();
  await appendAll(opened.wal, [scrapes(a, 1, cart), scrapes(a, 2, cart)]);
  assert.equal(parseLines(await first).length, 3);
  assert.deepEqual(parseLines(await next()), [{ notice: "left out: more than 3 a second", samples: 5 }]);
  await opened.clock.advance(1000);
  const later = next();
  await appendAll(opened.wal, [scrapes(a, 3, cart)]);
  assert.equal(parseLines(await later).length, 3);
});

test("a client that is far behind skips to the end and is told", async (context) => {
  const opened = await openLog(context);
  const { next } = openTail(context, opened);
  // These fill what lies between the log and a client that reads nothing.
  for (let sequence = 1; sequence <= 10; sequence++) await appendAll(opened.wal, [scrapes(a, sequence, cart)]);
  for (let sequence = 11; sequence <= 20_100; sequence++) opened.wal.append(opaque(a, sequence, "x"));
  await appendAll(opened.wal, [scrapes(a, 20_101, cart)]);
  let text = await next();
  for (let piece = 0; piece < 10 && parseLines(text)[0]?.notice === undefined; piece++) text = await next();
  assert.match(text ?? "", /"too slow/);
  const last = next();
  await appendAll(opened.wal, [scrapes(a, 20_102, cart)]);
  assert.deepEqual(parseLines(await last).map(({ value }) => value), [20_102, 20_102.25, 20_102.5, "NaN"]);
});

test("an empty line comes when nothing else does", async (context) => {
  const opened = await openLog(context);
  const { next } = openTail(context, opened);
  const text = next();
  await quiet();
  await opened.clock.advance(10_000);
  assert.equal(await text, "\n");
});

test("closing ends the stream, whoever does it, and tells so once", async (context) => {
  const opened = await openLog(context);
  const one = openTail(context, opened);
  const waiting = one.next();
  await quiet();
  one.tail.close();
  one.tail.close();
  assert.equal(await waiting, null);
  assert.equal(one.ended(), 1);
  const other = openTail(context, opened);
  await quiet();
  await other.tail.body.cancel().catch(() => {});
  const closed = await openTestWal();
  const last = openTail(context, closed);
  const end = last.next();
  await closed.wal.close();
  assert.equal(await end, null);
});

test("the route refuses what it cannot read, and too many at once", async (context) => {
  const { wal, clock } = await openLog(context);
  let ready = false;
  const { app, close } = tailRoutes({ wal: () => ready ? wal : null, clock, log });
  context.after(close);
  assert.equal((await app.request("/v1/tail")).status, 503);
  ready = true;
  for (const query of ["nme=x", "label=x", "label==x", "samplesPerSecond=0", "samplesPerSecond=1e9"]) {
    const refused = await app.request(`/v1/tail?${query}`);
    assert.equal(refused.status, 400, query);
    assert.match(await refused.text(), /Cannot read/);
  }
  for (let count = 0; count < 8; count++) assert.equal((await app.request("/v1/tail")).status, 200);
  assert.equal((await app.request("/v1/tail")).status, 429);
  close();
  assert.equal((await app.request("/v1/tail")).status, 200);
});
