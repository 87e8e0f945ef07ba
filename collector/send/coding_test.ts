import assert from "node:assert/strict";
import { test } from "node:test";
import { type Frame, FrameType } from "../../core/protocol/frame.ts";
import { ScrapeDecoder } from "../../core/protocol/scrape_decoder.ts";
import { decodeScrapes } from "../../core/protocol/scrapes.ts";
import { Driver } from "./testing/driver.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "./testing/records.ts";

const grantBytes = 1024 * 1024;
const window = 1_000_000;
const target = testTarget("10.0.0.1:9100");
const other = testTarget("10.0.0.2:9100");
const layout = testLayout("app", 40);

function opened(baseBytes = grantBytes): Driver {
  const driver = new Driver();
  driver.addresses("a:1");
  driver.open(0, window, baseBytes);
  driver.takeWrites();
  return driver;
}

/** The times of the scrapes in these frames, decoded, with the type and id of all other frames but shapes. */
function contents(frames: readonly Frame[], decoder: ScrapeDecoder): string[] {
  return frames.flatMap(({ type, id, body }) => {
    if (type === FrameType.schema || type === FrameType.target) return [];
    if (type !== FrameType.coded) return [`${type}:${id}`];
    return decoder.decode(body).map((record, index) => {
      const [scrape] = decodeScrapes(record.body);
      assert.ok(scrape?.values.every((value) => value === scrape.timestampMs));
      return `${Number(id) + index} at ${scrape?.timestampMs}`;
    });
  });
}

test("without a grant scrapes go as they are", () => {
  const driver = opened(0);
  driver.push(scrapeRecord(1, target, layout));
  driver.pass(20);
  assert.equal(driver.takeWrites().flat().at(-1)?.type, FrameType.scrapes);
});

test("neighbouring scrapes share a frame; shapes and other records stay in their order", () => {
  const driver = opened();
  driver.push(scrapeRecord(1, target, layout), scrapeRecord(2, target, layout), opaqueRecord(3));
  driver.push(scrapeRecord(4, target, layout), scrapeRecord(5, other, layout), scrapeRecord(6, target, layout));
  driver.pass(20);
  const frames = driver.takeWrites().flat();
  const types = frames.map(({ type }) => type);
  assert.deepEqual(types.slice(0, 2), [FrameType.target, FrameType.schema]);
  assert.deepEqual(types.slice(42), [
    FrameType.coded,
    FrameType.record,
    FrameType.coded,
    FrameType.target,
    FrameType.coded,
  ]);
  assert.deepEqual(contents(frames, new ScrapeDecoder(grantBytes)), [
    "1 at 1",
    "2 at 2",
    `${FrameType.record}:1500001`,
    "4 at 4",
    "5 at 5",
    "6 at 6",
  ]);
});

test("a scrape after the first takes a fraction of its plain bytes", () => {
  const driver = opened();
  driver.push(scrapeRecord(1, target, layout));
  driver.pass(20);
  driver.takeWrites();
  driver.push(scrapeRecord(2, target, layout));
  driver.pass(20);
  const [frame] = driver.takeWrites().flat();
  assert.ok(frame !== undefined && frame.body.length < 40 * 1.5, `${frame?.body.length} bytes`);
});

test("the window counts what scrapes are when they are decoded", () => {
  const driver = opened();
  const record = scrapeRecord(1, target, layout);
  driver.credit((32 + record.body.length) * 3);
  for (let time = 1; time <= 10; time++) driver.push(scrapeRecord(time, target, layout));
  driver.pass(20);
  const decoder = new ScrapeDecoder(grantBytes);
  assert.deepEqual(contents(driver.takeWrites().flat(), decoder), ["1 at 1", "2 at 2", "3 at 3"]);
  driver.ack(2);
  assert.deepEqual(contents(driver.takeWrites().flat(), decoder), ["4 at 4", "5 at 5"]);
});

test("what UNKNOWN calls back is coded against what was sent last, in the same session", () => {
  const driver = opened();
  for (let time = 1; time <= 3; time++) driver.push(scrapeRecord(time, target, layout));
  driver.pass(20);
  const decoder = new ScrapeDecoder(grantBytes);
  assert.deepEqual(contents(driver.takeWrites().flat(), decoder), ["1 at 1", "2 at 2", "3 at 3"]);
  driver.unknown(2, [target.shape.id]);
  driver.push(scrapeRecord(4, target, layout));
  driver.pass(20);
  assert.deepEqual(contents(driver.takeWrites().flat(), decoder), ["2 at 2", "3 at 3", "4 at 4"]);
});

test("a new session begins without anything to code against", () => {
  const driver = opened();
  for (let time = 1; time <= 3; time++) driver.push(scrapeRecord(time, target, layout));
  driver.pass(20);
  driver.takeWrites();
  driver.event({ type: "disconnected", reason: "cut" });
  driver.pass(100);
  driver.open(1, window, grantBytes);
  assert.deepEqual(contents(driver.takeWrites().flat(), new ScrapeDecoder(grantBytes)), ["2 at 2", "3 at 3"]);
});
