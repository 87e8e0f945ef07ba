import * as fc from "fast-check";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { ByteWriter, MalformedError } from "./bytes.ts";
import { checkShape, decodeShape, encodeBlock, encodeLayout, encodeTarget, type Label } from "./shape.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const plain = { noNullPrototype: true };
const labels = fc.array(fc.record({ name: text, value: text }, plain), { maxLength: 4 });
const metadata = fc.record({ family: text, type: text, help: text, unit: text }, plain);
const series = fc.array(fc.record({ name: text, labels }, plain), { maxLength: 5 });

test("every block is read back as it was written", () => {
  fc.assert(fc.property(metadata, series, (family, list) => {
    const { shape, body } = encodeBlock(family, list);
    assert.deepEqual(decodeShape(body), shape);
    assert.deepEqual(shape.series, list);
  }));
});

test("the id is the SHA-256 of kind and content, so equal shapes have equal ids and others do not", () => {
  const { shape, body } = encodeLayout(["00".repeat(16), "ff".repeat(16)]);
  const digest = createHash("sha256").update(Uint8Array.of(2)).update(body.subarray(17)).digest("hex");
  assert.equal(shape.id, digest.slice(0, 32));
  assert.equal(encodeLayout(shape.blocks).shape.id, shape.id);
  assert.notEqual(encodeLayout(shape.blocks.toReversed()).shape.id, shape.id);
  assert.deepEqual(decodeShape(body), shape);
});

test("the order of a target's labels does not matter", () => {
  const given: Label[] = [{ name: "b", value: "2" }, { name: "a", value: "1" }];
  assert.equal(encodeTarget(0, given).shape.id, encodeTarget(0, given.toReversed()).shape.id);
  assert.notEqual(encodeTarget(1, given).shape.id, encodeTarget(0, given).shape.id);
  assert.deepEqual(decodeShape(encodeTarget(7, given).body), {
    kind: "target",
    id: encodeTarget(7, given).shape.id,
    dataId: 7,
    labels: given.toReversed(),
  });
});

test("a body that does not have the id of its content is refused", () => {
  const { body } = encodeBlock({ family: "f", type: "gauge", help: "", unit: "" }, [{ name: "f", labels: [] }]);
  for (let at = 0; at < body.length; at++) {
    const forged = new Uint8Array(body);
    forged[at] = (forged[at] ?? 0) ^ 0x01;
    assert.throws(() => decodeShape(forged), MalformedError);
  }
});

test("a shape that is cut anywhere, or goes on, is malformed", () => {
  const { body } = encodeTarget(1, [{ name: "a", value: "b" }]);
  for (let length = 0; length < body.length; length++) {
    assert.throws(() => decodeShape(body.subarray(0, length)), MalformedError);
  }
  assert.throws(() => decodeShape(new ByteWriter().raw(body).u8(0).finish()), MalformedError);
});

test("a forged count allocates nothing", () => {
  const body = new ByteWriter().u8(2).raw(new Uint8Array(16)).varint(2 ** 40).finish();
  assert.throws(() => decodeShape(body), /Cannot read 1099511627776 items/);
});

test("checking a body tells what decoding it does, whatever was changed in it", () => {
  const outcome = (act: () => unknown) => {
    try {
      return act();
    } catch (error) {
      assert.ok(error instanceof MalformedError);
      return error.message.replace(/ at byte \d+/, "");
    }
  };
  const change = fc.option(fc.tuple(fc.nat(), fc.nat(255)), { nil: null });
  fc.assert(fc.property(metadata, series, change, (family, list, changed) => {
    const { body } = encodeBlock(family, list);
    if (changed !== null) body[1 + changed[0] % (body.length - 1)] = changed[1];
    const decoded = outcome(() => {
      const shape = decodeShape(body);
      assert.ok(shape.kind === "block");
      const { series: found, ...others } = shape;
      return { ...others, seriesCount: found.length };
    });
    assert.deepEqual(outcome(() => checkShape(body)), decoded);
  }));
  for (const { shape, body } of [encodeTarget(1, [{ name: "a", value: "b" }]), encodeLayout(["00".repeat(16)])]) {
    assert.deepEqual(checkShape(body), shape);
  }
});
