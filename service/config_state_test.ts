import assert from "node:assert/strict";
import { test } from "node:test";
import { writeCollection } from "../core/config/collection.ts";
import type { StoreEvent } from "../core/store/store.ts";
import { ConfigState } from "./config_state.ts";

function put(path: string, text: string): StoreEvent {
  return { type: "put", entry: { path, text, revision: `r${text.length}` } };
}

function metricText(frequency = 60): string {
  return [
    "apiVersion: bcs-metric/v1",
    "kind: Metric",
    "metadata: { clusterId: c1, namespace: shop, name: cart }",
    `spec: { version: "1", port: 9100, uri: /metrics, frequency: ${frequency} }`,
  ].join("\n");
}

const metricPath = "c1/metric/shop/cart.yaml";
const collectionPath = "c1/collection/shop/one-0.yaml";
const collectionText = writeCollection({
  apiVersion: "bcs-metric/v1",
  kind: "Collection",
  metadata: { clusterId: "c1", namespace: "shop", name: "one-0", labels: {}, annotations: {} },
  spec: { generation: 3, metrics: [] },
});

function stateAfter(...events: StoreEvent[]): ConfigState {
  const state = new ConfigState({ frequencyMinSeconds: 60 });
  for (const event of events) state.apply(event);
  return state;
}

test("nobody is called back before the store has been read completely, and then at each change", () => {
  const state = new ConfigState({ frequencyMinSeconds: 60 });
  let calls = 0;
  const stop = state.onChange(() => calls++);
  state.apply(put(metricPath, metricText()));
  assert.deepEqual([calls, state.everSynced], [0, false]);
  state.apply({ type: "synced" });
  assert.deepEqual([calls, state.everSynced], [1, true]);
  state.apply(put(metricPath, `${metricText()}\n# the same`));
  assert.equal(calls, 1);
  state.apply(put(collectionPath, collectionText));
  assert.equal(calls, 2);
  state.apply({ type: "delete", path: metricPath });
  assert.equal(calls, 3);
  stop();
  state.apply({ type: "unavailable", reason: "gone" });
  assert.equal(calls, 3);
  assert.equal(state.view().synced, false);
});

test("coordination records are no configuration", () => {
  const state = stateAfter({ type: "synced" });
  let calls = 0;
  state.onChange(() => calls++);
  state.apply(put(".bcs-metric/status/c1/shop/one-0.json", "{}"));
  state.apply({ type: "delete", path: ".bcs-metric/status/c1/shop/one-0.json" });
  assert.equal(calls, 0);
  assert.deepEqual(state.catalog.statuses(), []);
});

test("a collection is known as it is in the store, and its document only while it is intact", () => {
  const [intact] = stateAfter(put(collectionPath, collectionText)).view().collections;
  assert.equal(intact?.document?.spec.generation, 3);
  assert.deepEqual([intact?.clusterId, intact?.namespace, intact?.name], ["c1", "shop", "one-0"]);

  const edited = collectionText.replace("generation: 3", "generation: 4");
  const [afterEdit] = stateAfter(put(collectionPath, collectionText), put(collectionPath, edited)).view().collections;
  assert.deepEqual([afterEdit?.text, afterEdit?.document], [edited, null]);

  const [broken] = stateAfter(put(collectionPath, collectionText), put(collectionPath, "nonsense")).view().collections;
  assert.deepEqual([broken?.text, broken?.document], ["nonsense", null]);

  const unreadable: StoreEvent = { type: "unreadable", path: collectionPath, reason: "not permitted" };
  const [hidden] = stateAfter(put(collectionPath, collectionText), unreadable).view().collections;
  assert.deepEqual([hidden?.revision, hidden?.document], [null, null]);
});

test("a file that was never valid is unreadable; one that was keeps its last good version instead", () => {
  const never = stateAfter(put(metricPath, metricText(5))).view();
  assert.deepEqual(never.unreadable, [{ clusterId: "c1", kind: "Metric", namespace: "shop", name: "cart" }]);
  assert.deepEqual(never.metrics, []);
  const once = stateAfter(put(metricPath, metricText()), put(metricPath, metricText(5))).view();
  assert.deepEqual(once.unreadable, []);
  assert.equal(once.metrics[0]?.spec.frequency, 60);
});
