import assert from "node:assert/strict";
import { test } from "node:test";
import { documentSchemas, type TaskDocument } from "../../../core/config/schema.ts";
import type { Identity } from "../auth.ts";
import { oldPrefixes } from "./routes.ts";
import { brokenDocuments, failed, ok, OldApp } from "./testing/old_app.ts";

const path = "/tasks/clusters/c1/namespaces/shop/name/extra";

const task = {
  clusterID: "ignored",
  namespace: "ignored",
  name: "ignored",
  selector: { app: "cart" },
  pods: [
    { ip: "10.0.0.9", port: 9100, meta: { name: "cart-x", namespace: "other", labels: { zone: "a" }, uid: "1" } },
    { ip: "10.0.0.10" },
  ],
};

const taskBack = '{"clusterID":"c1","namespace":"shop","name":"extra","selector":{"app":"cart"},"pods":['
  + '{"ip":"10.0.0.9","port":9100,"meta":{"name":"cart-x","namespace":"shop",'
  + '"creationTimestamp":"0001-01-01T00:00:00Z","labels":{"zone":"a"}}},'
  + '{"ip":"10.0.0.10","port":0,"meta":{"name":"","namespace":"shop","creationTimestamp":"0001-01-01T00:00:00Z"}}]}';

function taskOf(metadata: object = {}, spec: object = {}): TaskDocument {
  const names = { clusterId: "c1", namespace: "shop", name: "extra" };
  const document = { apiVersion: "bcs-metric/v1", kind: "Task", metadata: { ...names, ...metadata }, spec };
  return documentSchemas.Task.parse(document);
}

for (const prefix of oldPrefixes) {
  test(`below ${prefix} tasks are set, got, listed and deleted`, async () => {
    const app = await OldApp.make();
    const ask = (method: string, where: string, body?: string) => app.ask(method, where, body, 200, prefix);
    assert.equal(await ask("GET", path), failed(1405125, "metric task not exist"));
    assert.equal(await ask("PUT", path, JSON.stringify(task)), ok("{}"));
    assert.equal(await ask("GET", path), ok(taskBack));
    assert.equal(await ask("GET", "/tasks/clusters/c1"), ok(`[${taskBack}]`));
    assert.equal(await ask("GET", "/tasks/clusters/c1?namespace=shop"), ok(`[${taskBack}]`));
    assert.equal(await ask("GET", "/tasks/clusters/c1?namespace=bank"), ok("[]"));
    assert.equal(await ask("GET", "/tasks/clusters/c2"), ok("[]"));
    assert.equal(await ask("DELETE", path), ok("{}"));
    assert.equal(await ask("DELETE", path), ok("{}"));
    assert.equal(await ask("GET", "/tasks/clusters/c1"), ok("[]"));
  });
}

test("a task is replaced without a version, and keeps the labels that the old API knows nothing of", async () => {
  const app = await OldApp.make();
  const key = { clusterId: "c1", kind: "Task", namespace: "shop", name: "extra" } as const;
  const spec = { selector: { app: "cart" }, pods: [{ ip: "10.0.0.1", meta: { name: 5, labels: { a: 1 } } }] };
  app.set(taskOf({ labels: { team: "trade" } }, spec));
  assert.match(await app.ask("GET", path), /"meta":\{"name":"","namespace":"shop","creationTimestamp":"0001/);
  const timed = { pods: [{ ip: "10.0.0.2", meta: { creationTimestamp: "2026-01-02T03:04:05Z" } }] };
  assert.equal(await app.ask("PUT", path, JSON.stringify(timed)), ok("{}"));
  const document = app.documents.get(key)?.document;
  assert.deepEqual(document?.metadata.labels, { team: "trade" });
  assert.deepEqual(document.spec.selector, {});
  const meta = { name: "", namespace: "shop", creationTimestamp: "2026-01-02T03:04:05Z" };
  assert.deepEqual(document.spec.pods, [{ ip: "10.0.0.2", port: 0, meta }]);
});

test("errors of tasks have their own codes", async () => {
  const app = await OldApp.make();
  assert.match(await app.ask("PUT", path, "{"), /"code":1405010,/);
  assert.match(await app.ask("PUT", path, '{"pods":[{"ip":1}]}'), /"code":1405010,.*pods\.0\.ip: /);
  assert.match(await app.ask("PUT", path, '{"pods":[{"port":1}]}'), /"code":1405122,.*failed to set metric task: /);
  const unsafe = path.replace("extra", "..%2Fx");
  assert.match(
    await app.ask("PUT", unsafe, "{}"),
    /"code":1405122,.*failed to set metric task: name \\"\.\.\/x\\" must/,
  );
  assert.equal(await app.ask("GET", unsafe), failed(1405125, "metric task not exist"));
  assert.equal(await app.ask("DELETE", unsafe), ok("{}"));
  app.set(taskOf({ annotations: { "bcs-metric/managed-by": "git" } }));
  assert.match(await app.ask("PUT", path, "{}"), /"code":1405122,.*failed to set metric task: .*in Git may be edited/);
  assert.match(await app.ask("DELETE", path), /"code":1405123,.*failed to delete metric task: .*in Git may be edited/);
  app.store.fail("gone");
  assert.match(await app.ask("PUT", path, "{}"), /"code":1405127,.*:storage not found: .*gone/);
  assert.match(await app.ask("DELETE", path), /"code":1405127,.*:storage not found: .*gone/);
});

test("a defect is the error of the operation", async () => {
  const app = await OldApp.make({ documents: brokenDocuments() });
  const why = "the service's log has the reason";
  assert.equal(await app.ask("GET", path), failed(1405124, `failed to get metric task: ${why}`));
  assert.equal(await app.ask("PUT", path, "{}"), failed(1405122, `failed to set metric task: ${why}`));
  assert.equal(await app.ask("DELETE", path), failed(1405123, `failed to delete metric task: ${why}`));
  assert.equal(await app.ask("GET", "/tasks/clusters/c1"), failed(1405126, `failed to list metric task: ${why}`));
});

test("a token sees and changes only the tasks of its namespaces", async () => {
  const viewer: Identity = { name: "watcher", role: "viewer", namespaces: ["c1/bank"] };
  const app = await OldApp.make({}, viewer);
  app.set(taskOf());
  assert.equal(await app.ask("GET", "/tasks/clusters/c1"), ok("[]"));
  for (
    const [method, where] of [["GET", path], ["PUT", path], ["DELETE", path], [
      "GET",
      "/tasks/clusters/c1?namespace=shop",
    ]] as const
  ) {
    assert.match(await app.ask(method, where, method === "PUT" ? "{}" : undefined, 403), /"code":1405058,/);
  }
});
