import assert from "node:assert/strict";
import { test } from "node:test";
import { PlainKernel } from "../kernel/plain_kernel.ts";
import { TemplateStore } from "./template_store.ts";

const { memory } = new PlainKernel(1024 * 1024);

function take(store: TemplateStore, name: string, bytes = 1000) {
  const texts = new Uint8Array(bytes).fill(0x61);
  texts.set(new TextEncoder().encode(name));
  texts[bytes - 1] = 0x0a;
  return store.take(texts, Uint32Array.of(bytes - 1, 1), name);
}

test("equal templates are one, and it matters where the values are", () => {
  const store = new TemplateStore(memory, 100_000);
  const first = take(store, "a");
  assert.equal(take(store, "a"), first);
  assert.equal(store.size, 1);
  const texts = Uint8Array.of(0x0a, 0x0a, 0x0a);
  assert.notEqual(
    store.take(texts, Uint32Array.of(0, 1, 2), "")?.key,
    store.take(texts, Uint32Array.of(0, 2, 1), "")?.key,
  );
});

test("beyond the budget unused templates go, the longest unused first, and those in use stay", () => {
  const used = memory.usedBytes;
  const store = new TemplateStore(memory, 5000);
  const [a, b, c] = ["a", "b", "c"].map((name) => take(store, name));
  assert.ok(a && b && c && store.bytes <= 5000);
  assert.equal(take(store, "d"), null);
  store.release(b);
  store.release(a);
  store.use(b);
  assert.notEqual(take(store, "d"), null);
  assert.equal(take(store, "a"), null);
  assert.equal(take(store, "b"), b);
  assert.equal(store.size, 3);
  for (const one of [b, b, c]) store.release(one);
  assert.throws(() => store.release(c), /released more often/);
  assert.notEqual(take(store, "large", 3000), null);
  assert.ok(store.bytes <= 5000);
  assert.ok(memory.usedBytes - used <= 5000);
});

test("a full memory is as good as a full budget", () => {
  const small = new PlainKernel(64 * 1024).memory;
  const store = new TemplateStore(small, 1e9);
  const taken = Array.from({ length: 100 }, (_, index) => take(store, String(index)));
  const kept = taken.filter((template) => template !== null);
  assert.ok(kept.length > 10 && kept.length < 100);
  for (const template of kept) store.release(template);
  assert.notEqual(take(store, "last"), null);
});
