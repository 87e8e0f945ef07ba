import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ByteWriter } from "./bytes.ts";
import { encodeFrame, type Frame, FrameType } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { ScrapeDecoder } from "./scrape_decoder.ts";
import { ScrapeEncoder } from "./scrape_encoder.ts";
import { decodeScrapes, encodeScrapes, type Scrape } from "./scrapes.ts";
import {
  decodeCredit,
  decodeHello,
  decodeLost,
  decodeSessionError,
  decodeUnknown,
  decodeWelcome,
  encodeCredit,
  encodeHello,
  encodeLost,
  encodeSessionError,
  encodeUnknown,
  encodeWelcome,
  SessionErrorCode,
} from "./session.ts";
import { decodeShape, encodeBlock, encodeLayout, encodeTarget } from "./shape.ts";

const empty = new Uint8Array(0);
const timeMs = 1_700_000_000_000;
const family = { family: "http_requests_total", type: "counter", help: "Requests.", unit: "" };
const block = encodeBlock(family, [
  { name: "http_requests_total", labels: [{ name: "code", value: "200" }] },
  { name: "http_requests_total", labels: [{ name: "code", value: "500" }] },
]);
const layout = encodeLayout([block.shape.id]);
const target = encodeTarget(1_500_001, [{ name: "job", value: "cart" }, { name: "instance", value: "10.0.0.1:9100" }]);
const hello = {
  epoch: 7n,
  nextSequence: 1,
  cluster: "c1",
  namespace: "shop",
  name: "bcs-collector-shop-0",
  token: "t",
};
const wantingHello = { ...hello, wantsCoding: true };
const welcome = { windowBytes: 8 * 1024 * 1024, exporter: "exporter-0" };
const grantingWelcome = { ...welcome, baseBytes: 32 * 1024 * 1024 };
const [firstCoded, secondCoded] = codedBodies();
const lost = {
  firstSequence: 3,
  lastSequence: 9,
  records: 7,
  samples: 7000,
  oldestMs: timeMs,
  newestMs: timeMs + 60_000,
  reason: "spool full",
};
const sessionError = { code: SessionErrorCode.draining, message: "shutting down" };

/** In the order of docs/protocol.md, section 11. */
const golden: readonly (readonly [title: string, frame: Frame, header: string, body: string])[] = [
  [
    "a record of the original system",
    frame(FrameType.blueKing, 1234, new TextEncoder().encode("hello")),
    "75062d90e03c798a 00000001 00000005 00000000000004d2 0000000000000001",
    "68656c6c6f",
  ],
  [
    "heartbeat",
    frame(FrameType.heartbeat, 0),
    "75062d90e03c798a 00000002 00000000 0000000000000000 0000000000000001",
    "",
  ],
  [
    "HELLO",
    frame(FrameType.hello, 0, encodeHello(hello)),
    "75062d90e03c798a 00000010 00000030 0000000000000000 0000000000000001",
    `01 0000000000000007 0000000000000001 02 6331 04 73686f70
     14 6263732d636f6c6c6563746f722d73686f702d30 01 74`,
  ],
  [
    "WELCOME",
    frame(FrameType.welcome, 0, encodeWelcome(welcome)),
    "75062d90e03c798a 00000011 00000010 0000000000000000 0000000000000001",
    "01 00800000 0a 6578706f727465722d30",
  ],
  [
    "HELLO of a collector that would send CODED frames",
    frame(FrameType.hello, 0, encodeHello(wantingHello)),
    "75062d90e03c798a 00000010 00000031 0000000000000000 0000000000000001",
    `01 0000000000000007 0000000000000001 02 6331 04 73686f70
     14 6263732d636f6c6c6563746f722d73686f702d30 01 74 01`,
  ],
  [
    "WELCOME that grants 32 MiB",
    frame(FrameType.welcome, 0, encodeWelcome(grantingWelcome)),
    "75062d90e03c798a 00000011 00000014 0000000000000000 0000000000000001",
    "01 00800000 0a 6578706f727465722d30 02000000",
  ],
  [
    "SCHEMA with a block",
    frame(FrameType.schema, 0, block.body),
    "75062d90e03c798a 00000012 00000075 0000000000000000 0000000000000001",
    `01 821ab14a58985dc961f8782bf79445aa
     13 687474705f72657175657374735f746f74616c 07 636f756e746572 09 52657175657374732e 00 02
     13 687474705f72657175657374735f746f74616c 01 04 636f6465 03 323030
     13 687474705f72657175657374735f746f74616c 01 04 636f6465 03 353030`,
  ],
  [
    "SCHEMA with a layout",
    frame(FrameType.schema, 0, layout.body),
    "75062d90e03c798a 00000012 00000022 0000000000000000 0000000000000001",
    "02 b1f618dd522d280a2b65dc4dd630956b 01 821ab14a58985dc961f8782bf79445aa",
  ],
  [
    "TARGET",
    frame(FrameType.target, 0, target.body),
    "75062d90e03c798a 00000013 0000003a 0000000000000000 0000000000000001",
    `03 d676c1b91159603da3cf52a4b5e73bd1 000000000016e361 02
     08 696e7374616e6365 0d 31302e302e302e313a39313030 03 6a6f62 04 63617274`,
  ],
  [
    "SCRAPES",
    frame(FrameType.scrapes, 1, encodeScrapes([scrape(null)])),
    "75062d90e03c798a 00000014 0000003c 0000000000000001 0000000000000001",
    `01 d676c1b91159603da3cf52a4b5e73bd1 b1f618dd522d280a2b65dc4dd630956b 0000018bcfe56800 00 02 10
     000000000000f03f 0000000000000440`,
  ],
  [
    "SCRAPES with a sample's own time",
    frame(FrameType.scrapes, 2, encodeScrapes([scrape(Float64Array.of(NaN, timeMs - 1000))])),
    "75062d90e03c798a 00000014 0000003f 0000000000000002 0000000000000001",
    `01 d676c1b91159603da3cf52a4b5e73bd1 b1f618dd522d280a2b65dc4dd630956b 0000018bcfe56800 10 02 13
     000000000000f03f 0000000000000440 00 d00f`,
  ],
  [
    "CODED, the first of a target",
    frame(FrameType.coded, 1, firstCoded),
    "75062d90e03c798a 0000001a 00000038 0000000000000001 0000000000000001",
    `01 01 00 d676c1b91159603da3cf52a4b5e73bd1 b1f618dd522d280a2b65dc4dd630956b 0000018bcfe56800 02 00
     824e3a9b 03 70 01 19000000`,
  ],
  [
    "CODED, the next one",
    frame(FrameType.coded, 2, secondCoded),
    "75062d90e03c798a 0000001a 00000011 0000000000000002 0000000000000001",
    "01 00 00 c0a907 a6a61a21 02 07 02 13010000",
  ],
  ["ACK", frame(FrameType.ack, 1), "75062d90e03c798a 00000015 00000000 0000000000000001 0000000000000001", ""],
  [
    "UNKNOWN",
    frame(FrameType.unknown, 1, encodeUnknown([layout.shape.id])),
    "75062d90e03c798a 00000016 00000011 0000000000000001 0000000000000001",
    "01 b1f618dd522d280a2b65dc4dd630956b",
  ],
  [
    "LOST",
    frame(FrameType.lost, 9, encodeLost(lost)),
    "75062d90e03c798a 00000017 00000026 0000000000000009 0000000000000001",
    "0000000000000003 07 d836 0000018bcfe56800 0000018bcfe65260 0a 73706f6f6c2066756c6c",
  ],
  [
    "CREDIT",
    frame(FrameType.credit, 0, encodeCredit(1024 * 1024)),
    "75062d90e03c798a 00000018 00000004 0000000000000000 0000000000000001",
    "00100000",
  ],
  [
    "ERROR",
    frame(FrameType.error, 0, encodeSessionError(sessionError)),
    "75062d90e03c798a 00000019 00000010 0000000000000000 0000000000000001",
    "0004 0d 7368757474696e6720646f776e",
  ],
];

for (const [title, message, header, body] of golden) {
  test(`${title} has its golden bytes`, () => {
    const bytes = hex(header + body);
    assert.deepEqual(encodeFrame(message), bytes);
    const read: Frame[] = [];
    new FrameReader().push(bytes, (found) => read.push({ ...found, body: new Uint8Array(found.body) }));
    assert.deepEqual(read, [message]);
  });
}

test("each golden body is read back as what was written", () => {
  const body = (title: string) => golden.find(([name]) => name === title)?.[1].body ?? empty;
  assert.deepEqual(decodeHello(body("HELLO")), hello);
  assert.deepEqual(decodeWelcome(body("WELCOME")), welcome);
  assert.deepEqual(decodeShape(body("SCHEMA with a block")), block.shape);
  assert.deepEqual(decodeShape(body("SCHEMA with a layout")), layout.shape);
  assert.deepEqual(decodeShape(body("TARGET")), target.shape);
  assert.deepEqual(decodeScrapes(body("SCRAPES")), [scrape(null)]);
  const times = Float64Array.of(NaN, timeMs - 1000);
  assert.deepEqual(decodeScrapes(body("SCRAPES with a sample's own time")), [scrape(times)]);
  assert.deepEqual(decodeHello(body("HELLO of a collector that would send CODED frames")), wantingHello);
  assert.deepEqual(decodeWelcome(body("WELCOME that grants 32 MiB")), grantingWelcome);
  const decoder = new ScrapeDecoder(grantingWelcome.baseBytes);
  const coded = ["CODED, the first of a target", "CODED, the next one"].flatMap((title) => decoder.decode(body(title)));
  assert.deepEqual(coded.flatMap((record) => decodeScrapes(record.body)), [scrape(null), nextScrape()]);
  assert.deepEqual(decodeUnknown(body("UNKNOWN")), [layout.shape.id]);
  assert.deepEqual(decodeLost(9, body("LOST")), lost);
  assert.equal(decodeCredit(body("CREDIT")), 1024 * 1024);
  assert.deepEqual(decodeSessionError(body("ERROR")), sessionError);
});

test("docs/protocol.md shows the same golden bytes", async () => {
  const text = await readFile(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const section = text.slice(text.indexOf("Golden bytes\n"));
  const shown = [...section.matchAll(/^```\n([0-9a-f\s]+)^```$/gm)].map(([, shownHex = ""]) => hex(shownHex));
  assert.deepEqual(shown, golden.map(([, , header, body]) => hex(header + body)));
});

function frame(type: number, id: number, body: Uint8Array = empty): Frame {
  return { type, id: BigInt(id), timestampNs: 1n, body };
}

function scrape(sampleTimesMs: Float64Array<ArrayBuffer> | null): Scrape {
  return {
    targetId: target.shape.id,
    layoutId: layout.shape.id,
    timestampMs: timeMs,
    values: Float64Array.of(1, 2.5),
    sampleTimesMs,
  };
}

/** A minute later, one value of two a little larger. */
function nextScrape(): Scrape {
  return { ...scrape(null), timestampMs: timeMs + 60_000, values: Float64Array.of(1, 2.75) };
}

function codedBodies(): [first: Uint8Array, second: Uint8Array] {
  const encoder = new ScrapeEncoder(grantingWelcome.baseBytes);
  const encode = (one: Scrape) => {
    const into = new ByteWriter();
    encoder.encode(encodeScrapes([one]), () => [{ id: block.shape.id, count: 2 }], into);
    return into.finish();
  };
  return [encode(scrape(null)), encode(nextScrape())];
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}
