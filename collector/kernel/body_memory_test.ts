import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { defaultAccess } from "../../core/scrape/access.ts";
import { makeFetcher } from "../../core/scrape/fetch.ts";
import { planRequest } from "../../core/scrape/request.ts";
import { testMetric, testTarget } from "../../core/scrape/testing/metrics.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { KernelBodyMemory } from "./body_memory.ts";
import type { KernelMemory } from "./kernel_memory.ts";
import { openSimdKernel } from "./simd_kernel.ts";

const limit = 256 * 1024;

function setUp(): { memory: KernelMemory; bodies: KernelBodyMemory } {
  const { memory } = openSimdKernel(1024 * 1024);
  return { memory, bodies: new KernelBodyMemory(memory, limit) };
}

test("bodies are lent in the kernel's memory and keep their content when they grow", () => {
  const { memory, bodies } = setUp();
  const body = bodies.lend(100);
  assert.ok(body.bytes.length >= 100);
  assert.equal(body.bytes.buffer, memory.bytes.buffer);
  body.bytes.fill(7);
  const before = body.bytes.length;
  body.grow(100_000);
  assert.ok(body.bytes.length >= 100_000);
  assert.equal(body.bytes.buffer, memory.bytes.buffer);
  assert.ok(body.bytes.subarray(0, before).every((byte) => byte === 7));
  assert.ok(bodies.lentBytes >= 100_000);
  body.release();
  assert.equal(bodies.lentBytes, 0);
  assert.equal(memory.usedBytes, 0);
});

test("a body that grows byte by byte is rarely moved", () => {
  const { bodies } = setUp();
  const body = bodies.lend(1);
  const rooms = new Set<Uint8Array>();
  for (let bytes = 1; bytes < 100_000; bytes += 100) {
    body.grow(bytes);
    rooms.add(body.bytes);
  }
  assert.ok(rooms.size <= 6, `${rooms.size} rooms`);
  body.release();
});

test("beyond the limit of all bodies together plain memory is lent, and counted", () => {
  const { memory, bodies } = setUp();
  const first = bodies.lend(limit - 1024);
  const second = bodies.lend(2048);
  assert.notEqual(second.bytes.buffer, memory.bytes.buffer);
  assert.equal(bodies.plainCount, 1);
  second.bytes.fill(3, 0, 2048);
  second.grow(100_000);
  assert.equal(second.bytes[2047], 3);
  first.release();
  second.release();
  assert.equal(bodies.lentBytes, 0);
});

test("a body that outgrows the limit moves to plain memory", () => {
  const { memory, bodies } = setUp();
  const body = bodies.lend(1000);
  body.bytes.fill(5, 0, 1000);
  body.grow(limit + 1);
  assert.notEqual(body.bytes.buffer, memory.bytes.buffer);
  assert.equal(body.bytes[999], 5);
  assert.equal(memory.usedBytes, 0);
  body.grow(2 * limit);
  assert.equal(body.bytes[0], 5);
  body.release();
});

test("a body is not to be used after its release", () => {
  const { bodies } = setUp();
  const body = bodies.lend(1000);
  body.release();
  assert.throws(() => body.bytes, /used after its release/);
  assert.throws(() => body.grow(1), /used after its release/);
  assert.throws(() => body.release(), /used after its release/);
});

test("sockets are read into the kernel's memory, bodies of an announced length and others", async () => {
  const text = `${"shop_orders_total 1\n".repeat(5000)}# EOF\n`;
  const server = await serveTarget((request, response) => {
    // Without a length it comes in chunks, and the room has to grow.
    if (request.url === "/announced") response.setHeader("Content-Length", text.length);
    response.write(text.slice(0, 30_000));
    setImmediate(() => response.end(text.slice(30_000)));
  });
  const { memory, bodies } = setUp();
  try {
    for (const uri of ["/announced", "/chunked"]) {
      const request = planRequest(testMetric({ uri, timeout: 5 }), testTarget({ address: server.address }), "0.1.0");
      const fetcher = makeFetcher(request, 60_000, systemEnv.clock, defaultAccess, bodies);
      const outcome = await fetcher.fetch();
      fetcher.close();
      assert.ok(outcome.ok, outcome.ok ? "" : outcome.reason);
      assert.equal(outcome.body.buffer, memory.bytes.buffer);
      assert.equal(new TextDecoder().decode(outcome.body), text);
      outcome.release?.();
    }
    assert.equal(bodies.lentBytes, 0);
  } finally {
    await server.close();
  }
});
