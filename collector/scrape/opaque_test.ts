import assert from "node:assert/strict";
import { test } from "node:test";
import { frameBodyBytesMax, FrameType } from "../../core/protocol/frame.ts";
import { opaqueRecord } from "./opaque.ts";

const origin = {
  dataId: 1_500_001,
  cluster: "c",
  namespace: "shop",
  name: "cart-0",
  ip: "10.0.0.7",
  labels: { app: "cart" },
};
const bytes = (text: string) => new TextEncoder().encode(text);

test("the record is the JSON of the original system", () => {
  const record = opaqueRecord(origin, 1_700_000_000_123, bytes('a "b"\nü\n'));
  assert.equal(record.frameType, FrameType.blueKing);
  assert.equal(record.id, 1_500_001n);
  assert.equal(record.samples, 0);
  assert.deepEqual(record.shapes, []);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(record.body)), {
    "@timestamp": "2023-11-14T22:13:20.123Z",
    dataid: 1_500_001,
    objmeta: {
      name: "cart-0",
      namespace: "shop",
      creationTimestamp: null,
      labels: { app: "cart" },
      annotations: {},
      clusterName: "c",
      ip: "10.0.0.7",
    },
    data: 'a "b"\nü\n',
  });
});

test("without a data id it is a record for the default exporter", () => {
  const record = opaqueRecord({ ...origin, dataId: 0 }, 0, bytes("x"));
  assert.equal(record.frameType, FrameType.record);
  assert.equal(record.id, 0n);
});

test("a body that is not UTF-8 is still a record, and one that fits no frame is refused", () => {
  const record = opaqueRecord(origin, 0, Uint8Array.of(0x61, 0xff));
  assert.equal(JSON.parse(new TextDecoder().decode(record.body)).data, "a\ufffd");
  assert.throws(() => opaqueRecord(origin, 0, new Uint8Array(frameBodyBytesMax).fill(0x61)), /exceeds the 16777216/);
});
