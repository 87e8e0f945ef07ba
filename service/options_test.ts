import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem } from "../core/config/names.ts";
import { readOptions } from "../core/options.ts";
import { defaultName, serviceCommand, supported } from "./options.ts";

async function read(...argv: string[]) {
  return supported((await readOptions(serviceCommand, argv, {})).values);
}

test("a volume is all that has to be said", async () => {
  const options = await read("--volume", "v");
  assert.deepEqual([options.volume, options.listen, options.orchestrator, options.frequencyMin], [
    "v",
    "127.0.0.1:7070",
    "process",
    60,
  ]);
});

test("an etcd takes the place of the volume", async () => {
  const { volume, store } = await read("--store", "etcd://127.0.0.1:2379/team");
  assert.deepEqual([volume, store], [undefined, "etcd://127.0.0.1:2379/team"]);
});

test("what cannot be is refused in one line", async () => {
  const check = (argv: string[], message: string) => assert.rejects(read(...argv), { name: "OptionError", message });
  await check(
    [],
    "Cannot do without --volume (or BCS_METRIC_VOLUME): the volume; or --store (BCS_METRIC_STORE): an etcd",
  );
  await check(
    ["--volume", "v", "--store", "etcd://127.0.0.1:2379"],
    'Cannot use both --volume "v" and --store "etcd://127.0.0.1:2379": leave one of them out',
  );
  await assert.rejects(read("--store", "127.0.0.1:2379"), /expected etcd:\/\/HOST:PORT/);
  await assert.rejects(read("--volume", "v", "--orchestrator", "nomad"), /--orchestrator/);
  await assert.rejects(read("--volume", "v", "--listen", "nowhere"), /expected HOST:PORT/);
  await assert.rejects(read("--volume", "v", "--name", "../x"), /the name must consist of/);
});

test("the default name is made of host and port, and safe whatever the host is called", () => {
  assert.equal(defaultName(7070, "node-1.example"), "node-1.example-7070");
  for (const host of ["", "-.-", "höst_", "x".repeat(300)]) assert.equal(nameProblem(defaultName(7070, host)), null);
});
