import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../runtime/system_env.ts";
import { deniedAddress, lookupAllowed } from "./denied_addresses.ts";
import { makeFetcher } from "./fetch.ts";
import { planRequest } from "./request.ts";
import { testMetric, testTarget } from "./testing/metrics.ts";

test("link-local and metadata addresses are denied, however they are spelled", () => {
  const hosts = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "[fe80::1]",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "[::ffff:a9fe:a9fe]",
    "0:0:0:0:0:ffff:169.254.169.254",
  ];
  for (const host of hosts) assert.match(deniedAddress(host) ?? "", /is denied/, host);
  for (const host of ["127.0.0.1", "10.0.0.1", "[::1]", "::ffff:10.0.0.1", "fd00::1", "169.254.example"]) {
    assert.equal(deniedAddress(host), null, host);
  }
});

test("a denied address is told as the reason, and nothing is fetched", async () => {
  const request = planRequest(testMetric(), testTarget({ address: "169.254.169.254:80" }), "1");
  const fetcher = makeFetcher(request, 60_000, systemEnv.clock);
  const outcome = await fetcher.fetch();
  fetcher.close();
  assert.deepEqual(outcome, {
    ok: false,
    reason: "169.254.169.254 is denied: it is link-local or serves a cloud's metadata",
    status: 0,
    unanswered: false,
  });
});

test("a name is checked where it leads, and an allowed one resolves as ever", async () => {
  const look = (name: string) =>
    new Promise<string>((resolve, reject) =>
      lookupAllowed(name, { family: 4 }, (error, address) => {
        if (error !== null) reject(error);
        else resolve(JSON.stringify(address));
      })
    );
  assert.equal(await look("localhost"), '"127.0.0.1"');
  await assert.rejects(look("169.254.169.254"), /169\.254\.169\.254 leads to an address that .* is denied/);
});
