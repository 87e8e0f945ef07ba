import assert from "node:assert/strict";
import { test } from "node:test";
import { reachableHost } from "./reachable_host.ts";

test("who listens everywhere tells an address that others can reach", () => {
  const info = { netmask: "", mac: "", cidr: null };
  const interfaces = {
    lo: [{ ...info, address: "127.0.0.1", family: "IPv4" as const, internal: true }],
    eth0: [
      { ...info, address: "fe80::1", family: "IPv6" as const, internal: false, scopeid: 1 },
      { ...info, address: "10.0.0.5", family: "IPv4" as const, internal: false },
    ],
  };
  assert.equal(reachableHost("0.0.0.0", interfaces), "10.0.0.5");
  assert.equal(reachableHost("::", interfaces), "10.0.0.5");
  assert.equal(reachableHost("192.168.1.1", interfaces), "192.168.1.1");
  assert.equal(reachableHost("0.0.0.0", { lo: interfaces.lo }), "127.0.0.1");
});
