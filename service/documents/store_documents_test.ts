import assert from "node:assert/strict";
import { test } from "node:test";
import { documentsOver } from "../testing/stored_documents.ts";
import { type DocumentChange, DocumentError, type DocumentErrorCode } from "./documents.ts";

const path = "c1/metric/shop/cart.yaml";
const key = { clusterId: "c1", kind: "Metric", namespace: "shop", name: "cart" } as const;
const by = "tester";
const text = `# The cart.
apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: c1, namespace: shop, name: cart }
spec:
  version: "3" # bump me
  port: 9100
  uri: /metrics
`;

function draft(spec: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}) {
  return { metadata, spec: { version: "3", port: 9100, uri: "/metrics", ...spec } };
}

async function refused(promise: Promise<unknown>, code: DocumentErrorCode, message: RegExp): Promise<DocumentError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return error;
  }
  return assert.fail(`it was not refused as ${code}`);
}

test("a new document is written with what its key says, and is in force at once", async () => {
  const { store, documents } = await documentsOver();
  assert.equal(documents.get(key), null);
  const { outcome, stored } = await documents.put(draft(), { key, by });
  assert.equal(outcome, "created");
  assert.equal(stored.document.spec.frequency, 60);
  assert.deepEqual(documents.get(key), stored);
  assert.deepEqual(await store.get(path), { path, text: stored.text, revision: stored.revision });
  assert.ok(stored.text.startsWith("apiVersion: bcs-metric/v1\nkind: Metric\nmetadata:\n  clusterId: c1\n"));
});

test("a new document that came as YAML keeps its comments, and gets the names that it leaves out", async () => {
  const { documents } = await documentsOver();
  const yaml = `# mine\nspec:\n  version: "1" # first\n  port: 9100\n  uri: /metrics\n`;
  const value = { spec: { version: "1", port: 9100, uri: "/metrics" } };
  const { stored } = await documents.put(value, { key, by, source: { text: yaml, format: "yaml" } });
  const head = "apiVersion: bcs-metric/v1\nkind: Metric\nmetadata:\n  clusterId: c1\n  namespace: shop\n  name: cart\n";
  assert.equal(stored.text, head + yaml);
});

test("the same version with the same content changes nothing, whatever is left to the defaults", async () => {
  const { documents } = await documentsOver({ [path]: text });
  const { outcome, stored } = await documents.put(draft({ frequency: 60, method: "GET" }), { key, by });
  assert.deepEqual([outcome, stored.text], ["unchanged", text]);
});

test("the same version with other content is refused with the place of the version", async () => {
  const { store, documents } = await documentsOver({ [path]: text });
  const source = { text: JSON.stringify(draft({ port: 9200 }), null, 2), format: "json" } as const;
  const error = await refused(
    documents.put(draft({ port: 9200 }), { key, by, source }),
    "version-unchanged",
    /^spec changed but version is still 3/,
  );
  assert.deepEqual(error.problems, [{
    path,
    line: 4,
    column: 16,
    field: "spec.version",
    message: "spec changed but version is still 3",
  }]);
  assert.equal((await store.get(path))?.text, text);
});

test("another version replaces, and the file keeps its comments, order and layout", async () => {
  const { documents } = await documentsOver({ [path]: text });
  const asShown = documents.get(key)?.document;
  assert.ok(asShown !== undefined);
  const spec = { ...asShown.spec, version: "4", port: 9200, frequency: 120 };
  const { outcome, stored } = await documents.put({ ...asShown, spec, status: { state: "ok" } }, { key, by });
  assert.equal(outcome, "updated");
  assert.equal(stored.document.spec.port, 9200);
  // None of the defaults that were shown is written.
  assert.equal(stored.text, `${text.replace('"3"', '"4"').replace("9100", "9200")}  frequency: 120\n`);
});

test("metadata may change while the version stays", async () => {
  const { documents } = await documentsOver({ [path]: text });
  const { outcome, stored } = await documents.put(draft({}, { labels: { team: "trade" } }), { key, by });
  assert.deepEqual([outcome, stored.document.metadata.labels], ["updated", { team: "trade" }]);
  assert.equal(documents.list({ kind: "Metric", labels: { team: "trade" } }).length, 1);
  assert.equal(documents.list({ kind: "Metric", labels: { team: "other" } }).length, 0);
});

test("an invalid draft is refused with each place, also in what it was read from", async () => {
  const { documents } = await documentsOver();
  const yaml = "spec:\n  version: 3\n  prot: 9100\n  uri: /metrics\n";
  const value = { spec: { version: 3, prot: 9100, uri: "/metrics" } };
  const error = await refused(
    documents.put(value, { key, by, source: { text: yaml, format: "yaml" } }),
    "invalid",
    /^this is no valid Metric: /,
  );
  const places = error.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
  assert.deepEqual(places, [
    `1:1: missing key "port"`,
    "2:12: must be text, not a number; put it in quotes",
    '3:3: unknown key "prot"; did you mean "port"?',
  ]);
  await refused(documents.put(draft({ frequency: 5 }), { key, by }), "invalid", /below the minimum of 60 seconds/);
  await refused(documents.put("text", { key, by }), "invalid", /must be a mapping/);
  const elsewhere = { ...key, name: "../../etc/passwd" };
  await refused(documents.put(draft(), { key: elsewhere, by }), "invalid", /the name "\.\.\/\.\.\/etc\/passwd" must/);
  await refused(documents.put({ ...draft(), metadata: { name: "other" } }, { key, by }), "invalid", /says name other/);
});

test("what Git manages is changed in Git alone, even while its file is broken", async () => {
  const managed = text.replace("name: cart }", 'name: cart, annotations: { "bcs-metric/managed-by": git } }');
  const { store, documents } = await documentsOver({ [path]: managed });
  const check = async () => {
    await refused(
      documents.put(draft({ version: "4" }), { key, by }),
      "managed-by-git",
      /annotation bcs-metric\/managed-by/,
    );
    await refused(documents.delete(key, { by }), "managed-by-git", /only its file in Git may be edited/);
  };
  await check();
  store.putElsewhere(path, managed.replace("port:", "prot:"));
  await check();
  store.putElsewhere(path, "{broken");
  await check();
  // Another process, which never saw it whole.
  const other = await documentsOver({ [path]: `${managed}{broken` });
  await refused(other.documents.delete(key, { by }), "managed-by-git", /only its file in Git/);
});

test("a condition that does not hold is refused, and one that holds is not", async () => {
  const { store, documents } = await documentsOver({ [path]: text });
  const { revision = "" } = documents.get(key) ?? {};
  const put = (version: string, ifMatch: string | null) => documents.put(draft({ version }), { key, by, ifMatch });
  await refused(put("4", "0000"), "precondition-failed", /is at revision .*, not 0000: somebody changed it/);
  await refused(put("4", null), "precondition-failed", /it exists already/);
  await refused(documents.delete(key, { by, ifMatch: "0000" }), "precondition-failed", /not 0000/);
  assert.equal((await put("4", revision)).outcome, "updated");
  await refused(put("5", revision), "precondition-failed", /somebody changed it meanwhile/);
  assert.equal((await put("5", "*")).outcome, "updated");
  assert.equal(await documents.delete(key, { by, ifMatch: documents.get(key)?.revision }), "deleted");
  assert.equal(await store.get(path), null);
  await refused(put("6", "*"), "precondition-failed", /there is no such document/);
  assert.equal((await put("6", null)).outcome, "created");
});

test("deleting takes effect at once, and what is not there is absent", async () => {
  const { store, documents } = await documentsOver({ [path]: text });
  assert.equal(await documents.delete(key, { by }), "deleted");
  assert.equal(documents.get(key), null);
  assert.equal(await store.get(path), null);
  assert.equal(await documents.delete(key, { by }), "absent");
});

test("a file that somebody changed is compared as it is now, not as it was last seen", async () => {
  const { store, config, documents } = await documentsOver({ [path]: text });
  const put = store.put.bind(store);
  let edits = 0;
  // Git writes in the moment between our look and our write, once.
  store.put = (at, own, expected) => {
    if (edits++ === 0) store.putElsewhere(path, text.replace("9100", "9300").replace('"3"', '"5"'));
    return put(at, own, expected);
  };
  const { stored } = await documents.put(draft({ version: "4" }), { key, by });
  assert.deepEqual([edits, stored.document.spec.version], [2, "4"]);
  assert.equal(config.catalog.get(key)?.spec.port, 9100);
  edits = 0;
  await refused(documents.put(draft({ version: "5", uri: "/other" }), { key, by }), "version-unchanged", /still 5/);
});

test("a refused file stays visible with what is in force, and a write mends it", async () => {
  const { store, documents } = await documentsOver({ [path]: text });
  store.putElsewhere(path, text.replace("9100", "9200"));
  const stored = documents.get(key);
  assert.deepEqual([stored?.document.spec.port, stored?.status.state], [9100, "stale-version"]);
  assert.match(stored?.text ?? "", /9200/);
  const mended = await documents.put(draft(), { key, by });
  assert.deepEqual([mended.outcome, mended.stored.status.state, mended.stored.text], ["updated", "ok", text]);
});

test("collections, rivals in case, and a store out of reach are refused", async () => {
  const { store, documents } = await documentsOver({ [path]: text });
  const collection = { ...key, kind: "Collection" } as const;
  await refused(documents.put({}, { key: collection, by }), "generated", /by the service alone/);
  await refused(documents.delete(collection, { by }), "generated", /by the service alone/);
  await refused(
    documents.put(draft(), { key: { ...key, name: "Cart" }, by }),
    "conflict",
    /differs only in case from "cart"/,
  );
  store.fail("it is on fire");
  await refused(documents.put(draft({ version: "4" }), { key, by }), "unavailable", /on fire/);
  await refused(documents.delete(key, { by }), "unavailable", /on fire/);
  assert.equal(documents.get(key)?.document.spec.version, "3");
});

test("changes are told, also those of a file that did not take effect", async () => {
  const { store, documents } = await documentsOver();
  const changes: string[] = [];
  const stop = documents.watch((change: DocumentChange) => changes.push(`${change.type} ${change.key.name}`));
  store.putElsewhere("c1/metric/shop/bad.yaml", "{broken");
  await documents.put(draft(), { key, by });
  store.putElsewhere(path, "{broken");
  await documents.delete(key, { by });
  assert.deepEqual(changes, ["put cart", "put cart", "delete cart"]);
  stop();
  await documents.put(draft(), { key, by });
  assert.equal(changes.length, 3);
});
