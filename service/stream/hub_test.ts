import assert from "node:assert/strict";
import { test } from "node:test";
import { isIntact } from "../../core/config/collection.ts";
import { readDocument } from "../../core/config/document.ts";
import type { Subject } from "./collection_feed.ts";
import { heartbeatMs, stalledMs } from "./event_stream.ts";
import { collectionPath, collectionText, streamBench, StreamText, subject } from "./testing/stream_bench.ts";

type Bench = Awaited<ReturnType<typeof streamBench>>;

function open({ hub }: Bench, generation = 0, whose: Subject = subject): StreamText {
  const stream = hub.open(whose, generation);
  assert.ok(stream !== null);
  return new StreamText(stream.body);
}

/** The pods of a collection event, which must be a whole and intact collection. */
function podsIn(data: string): string[] {
  const read = readDocument(collectionPath, data, { frequencyMinSeconds: 1 });
  assert.ok(read.ok && read.document.kind === "Collection" && isIntact(read.document));
  return read.document.spec.metrics.flatMap((metric) => metric.targets.map((target) => target.pod));
}

test("a subscriber gets the collection as it is, and each change", async () => {
  const bench = await streamBench();
  await bench.store.put(collectionPath, collectionText(3));
  const stream = open(bench);
  const first = await stream.event();
  assert.deepEqual([first.event, first.id, podsIn(first.data)], ["collection", "3", ["cart-0"]]);
  const next = stream.event();
  await bench.store.put(collectionPath, collectionText(4, ["cart-0", "cart-1"]));
  const { event, id, data } = await next;
  assert.deepEqual([event, id, podsIn(data)], ["collection", "4", ["cart-0", "cart-1"]]);
  const gone = stream.event();
  await bench.store.delete(collectionPath);
  assert.equal((await gone).event, "absent");
  await stream.cancel();
});

test("who comes again with the newest generation is only told so", async () => {
  const bench = await streamBench();
  await bench.store.put(collectionPath, collectionText(3));
  const stream = open(bench, 3);
  const { event, id, data } = await stream.event();
  assert.deepEqual([event, id, JSON.parse(data).generation], ["unchanged", "3", 3]);
  await stream.cancel();
  const behind = open(bench, 2);
  assert.equal((await behind.event()).event, "collection");
  await behind.cancel();
});

test("a service that has seen less than the subscriber says so, until it has seen more", async () => {
  const bench = await streamBench();
  await bench.store.put(collectionPath, collectionText(3));
  const stream = open(bench, 5);
  const { event, data } = await stream.event();
  assert.deepEqual([event, JSON.parse(data).reason], [
    "unavailable",
    "generation 3 is the newest here, and older than 5",
  ]);
  const next = stream.event();
  await bench.store.put(collectionPath, collectionText(6));
  assert.equal((await next).id, "6");
  await stream.cancel();
});

test("a slow client gets only the newest", async () => {
  const bench = await streamBench();
  await bench.store.put(collectionPath, collectionText(1));
  const stream = open(bench);
  assert.equal((await stream.event()).id, "1");
  for (let generation = 2; generation <= 50; generation++) {
    await bench.store.put(collectionPath, collectionText(generation));
  }
  const ids = [(await stream.event()).id];
  if (ids[0] !== "50") ids.push((await stream.event()).id);
  assert.equal(ids.at(-1), "50", "at most one event is under way before the newest");
  await stream.cancel();
});

test("nothing that is not sure is told as an absence", async () => {
  const bench = await streamBench();
  const stream = open(bench);
  const empty = await stream.event();
  assert.deepEqual([empty.event, JSON.parse(empty.data).reason], [
    "unavailable",
    'the store holds nothing of "c1" yet',
  ]);
  bench.store.fail("the folder is gone");
  const lost = await stream.event();
  assert.match(JSON.parse(lost.data).reason, /^the store cannot be read: the folder is gone$/);
  const back = stream.event();
  bench.store.putElsewhere(collectionPath, collectionText(1));
  bench.store.recover();
  assert.equal((await back).event, "collection");
  const edited = stream.event();
  await bench.store.put(collectionPath, collectionText(2).replace("/metrics", "/elsewhere"));
  assert.match(JSON.parse((await edited).data).reason, /edited by hand/);
  await stream.cancel();
});

test("a subscription to some applications gets their targets alone, and follows their instances", async () => {
  const bench = await streamBench();
  const application = (name: string, pods: readonly string[]) =>
    `{apiVersion: bcs-metric/v1, kind: Application, metadata: {clusterId: c1, namespace: shop, name: ${name}}, `
    + `spec: {instances: [${pods.map((pod) => `{name: ${pod}, ip: 10.0.0.1}`).join(", ")}]}}`;
  await bench.store.put("c1/application/shop/cart.yaml", application("cart", ["cart-0"]));
  await bench.store.put("c1/application/shop/order.yaml", application("order", ["order-0"]));
  await bench.store.put(collectionPath, collectionText(1, ["cart-0", "cart-1", "order-0"]));
  const stream = open(bench, 0, { ...subject, applications: ["cart"] });
  assert.deepEqual(podsIn((await stream.event()).data), ["cart-0"]);
  const next = stream.event();
  await bench.store.put("c1/application/shop/cart.yaml", application("cart", ["cart-0", "cart-1"]));
  assert.deepEqual(podsIn((await next).data), ["cart-0", "cart-1"]);
  await stream.cancel();
});

test("an idle stream is kept alive, and one that nobody reads is ended", async () => {
  const bench = await streamBench();
  await bench.store.put(collectionPath, collectionText(1));
  const stream = open(bench);
  await stream.event();
  const beat = stream.piece();
  bench.clock.advance(heartbeatMs);
  assert.equal(await beat, ":\n\n");
  // One heartbeat is under way, and from then on nothing is taken.
  bench.clock.advance(stalledMs + 2 * heartbeatMs);
  await assert.rejects(async () => {
    while (await stream.piece() !== null);
  }, /takes nothing/);
});

test("streams are limited in number, and all end with the service", async () => {
  const bench = await streamBench({ streamsMax: 2 });
  await bench.store.put(collectionPath, collectionText(1));
  const [one, other] = [open(bench), open(bench)];
  assert.equal(bench.hub.open(subject, 0), null);
  await one.cancel();
  const third = open(bench);
  bench.hub.close();
  for (const stream of [other, third]) {
    while (await stream.piece() !== null);
  }
  assert.equal(bench.hub.open(subject, 0), null);
});
