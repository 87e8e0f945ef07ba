import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { flushVictoriaMetrics, startVictoriaMetrics } from "../support/peers.ts";
import { needs, type Program } from "../support/programs.ts";
import { deliverAll, expectReadBack, roundTrip } from "../support/sink_round_trip.ts";

const asSent = { rename: {}, jobLabel: "job" };
const asOtlp = { rename: { job: "service_name", instance: "service_instance_id" }, jobLabel: "service_name" };

const write = { type: "remote_write", path: "/api/v1/write", ...asSent };
const otlp = { type: "otlp", path: "/opentelemetry/v1/metrics", ...asOtlp };
const ways = [
  { title: "remote write 1.0", ...write, options: { protocol: "1.0" } },
  { title: "remote write as it likes it", ...write, options: {} },
  { title: "OTLP", ...otlp, options: {} },
  { title: "OTLP without compression", ...otlp, options: { compression: "none" } },
] as const;

suite("sinks to a real VictoriaMetrics", needs("victoria-metrics-sid"), () => {
  let folder: string;
  let peer: Program;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-sinks-"));
    peer = await startVictoriaMetrics(folder);
  });

  after(async () => {
    await peer.stop();
    await rm(folder, { recursive: true });
  });

  for (const [index, { title, type, path, rename, jobLabel, options }] of ways.entries()) {
    test(`what is sent by ${title} is read back by PromQL, and what is stale is not`, async () => {
      const job = `job-${index}`;
      const sent = roundTrip(job, rename);
      await deliverAll({ type, url: peer.url + path, ...options }, sent);
      await flushVictoriaMetrics(peer);
      await expectReadBack(peer.url, `${jobLabel}="${job}"`, sent);
    });
  }
});
