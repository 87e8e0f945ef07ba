import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../runtime/system_env.ts";
import { AddressRules, networkProblem } from "./address_rules.ts";
import { makeFetcher } from "./fetch.ts";
import { planRequest } from "./request.ts";
import { testMetric, testTarget } from "./testing/metrics.ts";

const rulesOf = (lists: { allow?: string[]; deny?: string[] } = {}) =>
  new AddressRules({ allow: [], deny: [], ...lists });

/** Of the hosts, those that may be connected to. */
function allowed(rules: AddressRules, ...hosts: string[]): string[] {
  return hosts.filter((host) => rules.problem(host) === null);
}

test("link-local and metadata addresses are denied, however they are spelled", () => {
  const hosts = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "[fe80::1]",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "[::ffff:a9fe:a9fe]",
    "0:0:0:0:0:ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "0.0.0.0",
    "[::]",
  ];
  for (const host of hosts) assert.match(rulesOf().problem(host) ?? "", /is denied/, host);
  const others = ["127.0.0.1", "10.0.0.1", "[::1]", "::ffff:10.0.0.1", "fd00::1", "::ffff:1", "169.254.example"];
  assert.deepEqual(allowed(rulesOf(), ...others), others);
});

test("only allowed networks are connected to when there are any, and denied ones never", () => {
  const rules = rulesOf({ allow: ["10.0.0.0/8", "fd12::/16"], deny: ["10.9.0.0/16", "fd12:9::1"] });
  const hosts = [
    "10.1.2.3",
    "11.0.0.1",
    "10.9.0.1",
    "::ffff:10.1.2.3",
    "::ffff:10.9.0.1",
    "fd12::1",
    "fd12:9::1",
    "fd13::1",
  ];
  assert.deepEqual(allowed(rules, ...hosts), ["10.1.2.3", "::ffff:10.1.2.3", "fd12::1"]);
  assert.match(rules.problem("11.0.0.1") ?? "", /^11\.0\.0\.1 is not among the networks .*--allow-targets/);
  assert.match(rules.problem("10.9.0.1") ?? "", /^10\.9\.0\.1 is denied by the operator \(--deny-targets\)/);
});

test("a metadata network is opened only by an allowed network inside it", () => {
  assert.deepEqual(allowed(rulesOf({ allow: ["0.0.0.0/0", "::/0"] }), "169.254.20.10", "10.0.0.1"), ["10.0.0.1"]);
  const opened = rulesOf({ allow: ["0.0.0.0/0", "169.254.20.10"] });
  assert.deepEqual(allowed(opened, "169.254.20.10", "169.254.169.254"), ["169.254.20.10"]);
});

test("a network of mapped addresses is the IPv4 network behind it", () => {
  assert.deepEqual(allowed(rulesOf({ deny: ["::ffff:10.0.0.0/104"] }), "10.1.1.1", "::ffff:10.1.1.1", "11.0.0.1"), [
    "11.0.0.1",
  ]);
});

test("what is no network is named", () => {
  for (const text of ["10.0.0.0/33", "::/129", "10.0.0", "shop.example", "10.0.0.0/", ""]) {
    assert.match(networkProblem(text) ?? "", /^Cannot read network/, text);
  }
  for (const text of ["10.0.0.0/8", "10.0.0.1", "::/0", "fd00::1"]) assert.equal(networkProblem(text), null, text);
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
    refused: "address",
  });
});

test("a name is checked where it leads, and an allowed one resolves as ever", async () => {
  const look = (name: string, rules = rulesOf()) =>
    new Promise<string>((resolve, reject) =>
      rules.lookup(name, { family: 4 }, (error, address) => {
        if (error !== null) reject(error);
        else resolve(JSON.stringify(address));
      })
    );
  assert.equal(await look("localhost"), '"127.0.0.1"');
  await assert.rejects(look("169.254.169.254"), /169\.254\.169\.254 leads to an address: .* is denied/);
  await assert.rejects(look("localhost", rulesOf({ deny: ["127.0.0.0/8"] })), /localhost leads to an address: 127/);
});
