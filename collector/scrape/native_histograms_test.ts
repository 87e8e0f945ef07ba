import assert from "node:assert/strict";
import { after, test } from "node:test";
import {
  delimited,
  doubleField,
  family,
  messageField,
  numberField,
  packedSigned,
} from "../../core/exposition/testing/protobuf.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { testMetric, testTarget } from "../testing/collections.ts";
import { readRecords } from "../testing/expositions.ts";
import { FakeOutbox } from "../testing/fake_outbox.ts";
import { makeScraper } from "./scraper.ts";
import { ShapeCache } from "./shape_cache.ts";

const opened: { close(): unknown }[] = [];
after(async () => {
  for (const one of opened) await one.close();
});

test("native histograms are asked for, counted as not carried, and their classic part is sent", async () => {
  const histogram = messageField(
    7,
    numberField(1, 3),
    doubleField(2, 4.5),
    messageField(3, numberField(1, 2), doubleField(2, 1)),
    messageField(12, numberField(2, 2)),
    packedSigned(13, [1, 1]),
  );
  const body = delimited(family("h", "histogram", [histogram]));
  const contentType = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
  let accept = "";
  const server = await serveTarget((request, response) => {
    accept = request.headers.accept ?? "";
    response.writeHead(200, { "content-type": contentType }).end(body);
  });
  opened.push(server);
  const { address } = server;
  const metric = testMetric({ timeout: 5, frequency: 60, nativeHistograms: true });
  const identity = { cluster: "BCS-K8S-00001", namespace: "shop", metric: metric.name, address, pod: "" };
  const outbox = new FakeOutbox();
  const log = makeLogger("test", "silent");
  const dependencies = { clock: systemEnv.clock, cache: new ShapeCache(), outbox, log, version: "0.1.0" };
  const scraper = makeScraper(identity, metric, testTarget({ address }), dependencies);
  opened.push(scraper);
  const result = await scraper.scrape();
  assert.match(accept, /^application\/vnd\.google\.protobuf;/);
  assert.equal(result?.reason, "");
  assert.equal(result.nativeHistograms, 1);
  const sent = readRecords(outbox.take()).filter(({ name }) => name.startsWith("h"));
  assert.deepEqual(sent.map(({ name, labels, value }) => [name, labels["le"], value]), [
    ["h_bucket", "1.0", 2],
    ["h_bucket", "+Inf", 3],
    ["h_sum", undefined, 4.5],
    ["h_count", undefined, 3],
  ]);
});
