import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpSeats } from "./http_seats.ts";

const seat = { ordinal: 1, epoch: 2, instance: "a", leaseMs: 15_000, renewals: 3, released: false };
const place = { cluster: "c1", namespace: "shop", workload: "one" };

test("claims go to a service with their place, and its answer counts", async () => {
  const sent: unknown[] = [];
  const answers = ['{"seats":[]}', '{"held":true}', '{"held":false}', "<html>"];
  const send = (request: { readonly method: string; readonly path: string; readonly body?: string }) => {
    const { method, path, body } = request;
    sent.push([method, path, body === undefined ? undefined : JSON.parse(body)]);
    return Promise.resolve(answers.shift() ?? "");
  };
  const seats = new HttpSeats({ send }, { cluster: "c1", namespace: "shop", name: "one" });
  assert.deepEqual(await seats.list(), []);
  assert.equal(await seats.claim(seat), true);
  assert.equal(await seats.renew(seat), false);
  await assert.rejects(seats.list());
  assert.deepEqual(sent.slice(0, 3), [
    ["GET", "/v1/registry/ordinals?cluster=c1&namespace=shop&workload=one", undefined],
    ["POST", "/v1/registry/ordinals/claim", { ...place, seat }],
    ["POST", "/v1/registry/ordinals/renew", { ...place, seat }],
  ]);
});
