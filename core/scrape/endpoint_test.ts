import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Endpoint, endpointOf, ownEndpoint } from "./endpoint.ts";

const address = "10.0.0.7:9115";

test("a target is known by its address alone where path and parameters are its metric's", () => {
  assert.equal(endpointOf({ address }), address);
  assert.deepEqual(ownEndpoint({ address }), {});
});

test("what a target has of its own stands behind the address, in an order of its own", () => {
  const parameters = { target: "a b&c", module: "tcp" };
  assert.equal(endpointOf({ address, uri: "/probe", parameters }), `${address}/probe?module=tcp&target=a+b%26c`);
  assert.equal(endpointOf({ address, parameters: {} }), `${address}?`);
  assert.deepEqual(ownEndpoint({ address, uri: "/a?b=%2F" }), { endpoint: `${address}/a%3Fb=%252F` });
});

test("endpoints that differ in any way have different texts, whatever the order of their parameters", () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "/", "?", "%", "=", "&", " ", "+", "é"), maxLength: 4 });
  const endpoint = fc.record({
    address: fc.constant(address),
    uri: piece.map((text) => `/${text}`),
    parameters: fc.dictionary(piece, piece, { maxKeys: 3 }),
  }, { requiredKeys: ["address"] });
  const whole = ({ uri, parameters }: Endpoint) =>
    JSON.stringify([
      uri ?? null,
      parameters === undefined ? null : Object.entries(parameters).toSorted(([a], [b]) => a < b ? -1 : 1),
    ]);
  fc.assert(fc.property(endpoint, endpoint, (a, b) => {
    assert.equal(endpointOf(a) === endpointOf(b), whole(a) === whole(b));
    if (a.parameters === undefined) return;
    const reversed = Object.fromEntries(Object.entries(a.parameters).toReversed());
    assert.equal(endpointOf({ ...a, parameters: reversed }), endpointOf(a));
  }));
});
