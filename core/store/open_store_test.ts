import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemEnv } from "../runtime/system_env.ts";
import { makeLogger } from "../telemetry/log.ts";
import { openStore } from "./open_store.ts";
import { parseStoreUrl, type StorePlace } from "./store_place.ts";

const open = (place: StorePlace) => openStore({ ...place, env: systemEnv, log: makeLogger("test", "silent") });

test("a store's URL names endpoints and a prefix", () => {
  const one = { host: "127.0.0.1", port: 2379 };
  assert.deepEqual(parseStoreUrl("etcd://127.0.0.1:2379"), { endpoints: [one] });
  assert.deepEqual(parseStoreUrl("etcd://127.0.0.1:2379/"), { endpoints: [one] });
  assert.deepEqual(parseStoreUrl("etcd://etcd-0.etcd:2379,[::1]:22379/team-a/metric"), {
    endpoints: [{ host: "etcd-0.etcd", port: 2379 }, { host: "::1", port: 22379 }],
    prefix: "team-a/metric/",
  });
});

test("a URL that is none is refused with its reason", () => {
  const check = (text: string, message: RegExp) =>
    assert.throws(() => parseStoreUrl(text), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.ok(error.message.startsWith(`Cannot use the store "${text}": `));
      assert.match(error.message, message);
      return true;
    });
  check("", /expected etcd:/);
  check("127.0.0.1:2379", /expected etcd:/);
  check("http://127.0.0.1:2379", /expected etcd:/);
  check("etcd://", /expected etcd:/);
  check("etcd://127.0.0.1", /expected HOST:PORT/);
  check("etcd://127.0.0.1:2379,", /expected HOST:PORT/);
  check("etcd://127.0.0.1:2379/a/../b", /"\.\." in its prefix/);
  check("etcd://127.0.0.1:2379/a//b", /"" in its prefix/);
});

test("a folder is opened as a volume; no store, two stores, and an etcd that is not there are refused", async () => {
  const root = await mkdtemp(join(tmpdir(), "bcs-metric-open-"));
  try {
    const store = await open({ volume: root });
    await store.put("c/metric/n/a.yaml", "a");
    await store.close();
    const store2 = "etcd://127.0.0.1:1";
    await assert.rejects(open({}), { name: "UserError", message: /^Cannot do without --volume .*--store/ });
    await assert.rejects(open({ volume: root, store: store2 }), { name: "UserError", message: /^Cannot use both/ });
    await assert.rejects(open({ store: store2 }), {
      name: "UserError",
      message: /^Cannot use etcd "127\.0\.0\.1:1" as the store: .*refused.*; see that it runs/i,
    });
  } finally {
    await rm(root, { recursive: true });
  }
});
