import assert from "node:assert/strict";
import { test } from "node:test";
import type { Registry, RegistryRecord } from "../../core/registry/records.ts";
import { type ExporterAddress, fixedAddress, registryAddresses } from "./addresses.ts";

const record: RegistryRecord = {
  ip: "10.0.0.7",
  port: 7071,
  metric_port: 7072,
  hostname: "exporter-0",
  scheme: "http",
  version: "1",
  cluster: "",
  pid: 1,
  module: "exporter",
  id: "exporter-0",
  namespace: "",
  load: { connections: 3 },
  instance: "x",
};

test("a fixed address is reported once, and must be an address", () => {
  const reported: (readonly ExporterAddress[])[] = [];
  fixedAddress("exporter:7071").subscribe((addresses) => reported.push(addresses))();
  assert.deepEqual(reported, [[{ address: "exporter:7071", load: 0 }]]);
  assert.throws(() => fixedAddress("exporter"), /Cannot read address "exporter"/);
});

test("exporters of the registry are reported with a score of their load", async () => {
  const closed = Promise.withResolvers<void>();
  let report: (records: readonly RegistryRecord[]) => void = () => {};
  const registry: Pick<Registry, "watch"> = {
    watch(module, onChange) {
      assert.equal(module, "exporter");
      report = onChange;
      return Promise.resolve({ live: () => [], close: () => Promise.resolve(closed.resolve()) });
    },
  };
  const reported: (readonly ExporterAddress[])[] = [];
  const unsubscribe = registryAddresses(registry).subscribe((addresses) => reported.push(addresses));
  report([record, { ...record, ip: "fd00::1", load: {} }]);
  assert.deepEqual(reported, [[{ address: "10.0.0.7:7071", load: 4 }, { address: "[fd00::1]:7071", load: 1 }]]);
  unsubscribe();
  await closed.promise;
  report([record]);
  assert.equal(reported.length, 1, "nothing is reported after the end");
});

test("a registry that cannot be watched is told of once", async () => {
  const failure = Promise.withResolvers<unknown>();
  const registry = { watch: () => Promise.reject(new Error("the volume is gone")) };
  let failures = 0;
  const unsubscribe = registryAddresses(registry).subscribe(() => {}, (error) => {
    failures++;
    failure.resolve(error);
  });
  assert.match(String(await failure.promise), /the volume is gone/);
  unsubscribe();
  await Promise.resolve();
  assert.equal(failures, 1);
});
