import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { DeliveryOutcome } from "../../exporter/sink.ts";
import { startPrometheusReceiver } from "../support/peers.ts";
import { needs, type Program } from "../support/programs.ts";
import { deliverAll, expectReadBack, roundTrip } from "../support/sink_round_trip.ts";

const write = { type: "remote_write", path: "/api/v1/write" };
const peers = [
  {
    command: "prometheus",
    ways: [
      { title: "remote write 1.0", ...write, options: { protocol: "1.0" } },
      { title: "remote write, which falls back to 1.0", ...write, options: {} },
    ],
  },
  {
    command: "prometheus-sid",
    ways: [
      { title: "remote write 1.0", ...write, options: { protocol: "1.0" } },
      { title: "remote write 2.0", ...write, options: { protocol: "2.0" } },
      { title: "remote write, which finds 2.0", ...write, options: {} },
    ],
  },
] as const;

/** So many scrapes that the last of them are encoded by a program. */
const rounds = 6;

/** Prometheus takes nothing that is older than what it has of a series, be it there already or not. */
function reasonOf(outcome: DeliveryOutcome): string {
  if (outcome.outcome === "delivered") return outcome.rejectedReason ?? "";
  return outcome.outcome === "rejected" && outcome.kind === "old" ? outcome.reason : JSON.stringify(outcome);
}

for (const { command, ways } of peers) {
  suite(`sinks to a real ${command}`, needs(command), () => {
    let folder: string;
    let peer: Program;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "bcs-metric-sinks-"));
      peer = await startPrometheusReceiver(command, folder);
    });

    after(async () => {
      await peer.stop();
      await rm(folder, { recursive: true });
    });

    for (const [index, { title, type, path, options }] of ways.entries()) {
      test(`what is sent by ${title} is read back by PromQL, and what is stale is not`, async () => {
        const job = `job-${index}`;
        const sent = roundTrip(job, {}, rounds);
        const again = await deliverAll({ type, url: peer.url + path, ...options }, sent);
        assert.match(reasonOf(again), /^already there or too old: HTTP 400: /);
        await expectReadBack(peer.url, `job="${job}"`, sent);
      });
    }
  });
}
