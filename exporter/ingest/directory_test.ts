import assert from "node:assert/strict";
import { test } from "node:test";
import { SessionDirectory } from "./directory.ts";

const identity = { cluster: "c", namespace: "n", name: "collector-0" };
const origin = { ...identity, epoch: 5n };

test("the same or a newer start replaces a connection, an older one is refused", () => {
  const directory = new SessionDirectory<string>();
  assert.deepEqual(directory.claim(origin, "a"), { outcome: "granted", replaced: null });
  assert.deepEqual(directory.claim(origin, "b"), { outcome: "granted", replaced: "a" });
  assert.deepEqual(directory.claim({ ...origin, epoch: 6n }, "c"), { outcome: "granted", replaced: "b" });
  assert.deepEqual(directory.claim(origin, "d"), { outcome: "refused", newerEpoch: 6n });
  assert.deepEqual(directory.claim({ ...origin, name: "collector-1" }, "e"), { outcome: "granted", replaced: null });
});

test("only the present holder releases an identity", () => {
  const directory = new SessionDirectory<string>();
  directory.claim({ ...origin, epoch: 6n }, "a");
  directory.claim({ ...origin, epoch: 7n }, "b");
  directory.release(identity, "a");
  assert.deepEqual(directory.claim(origin, "c"), { outcome: "refused", newerEpoch: 7n });
  directory.release(identity, "b");
  assert.deepEqual(directory.claim(origin, "c"), { outcome: "granted", replaced: null });
});
