/** Kills the exporter with SIGKILL in mid-stream: whatever a target exposed arrives, and nothing acknowledged is lost. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { addsUp, serviceLedger } from "../../core/telemetry/ledger_answer.ts";
import { type ExportedSample, readExported } from "../support/sink_files.ts";
import {
  applicationYaml,
  collectorYaml,
  metricYaml,
  type SmallSystem,
  startSmallSystem,
} from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const targetCount = 6;
const kills = 4;
const seriesCount = 50;

suite("an exporter that is killed", () => {
  const targets: CountingTarget[] = [];
  let system: SmallSystem;

  before(async () => {
    for (let index = 0; index < targetCount; index++) targets.push(await startCountingTarget());
    system = await startSmallSystem({});
    await system.writeDocument("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(2));
    await system.writeDocument("TEST/metric/shop/count.yaml", metricYaml("count"));
    const ports = targets.map((target) => target.listener.address.port);
    await system.writeDocument("TEST/application/shop/count.yaml", applicationYaml("count", ports));
  });

  after(async () => {
    await system.stop();
    await Promise.all(targets.map((target) => target.listener.close()));
  });

  test("loses nothing of what was scraped", { timeout: 120_000 }, async () => {
    await waitFor("a first sample of each target", 30_000, async () => {
      const instances = new Set((await countSamples()).map((sample) => sample.labels["instance"]));
      return instances.size === targetCount ? true : null;
    });
    for (let kill = 0; kill < kills; kill++) {
      const servedBefore = served();
      await waitFor("scrapes in flight", 10_000, () => served() > servedBefore + targetCount ? true : null);
      await system.killAndRestartExporter(kill * 300);
    }
    const wanted = targets.map((target) => target.scrapes());
    await waitFor("everything that was scraped", 60_000, async () => {
      const samples = await countSamples();
      return targets.every((target, index) => missing(samples, target, wanted[index] ?? 0).length === 0) ? true : null;
    }).catch(async (error: unknown) => {
      const samples = await countSamples();
      const gaps = targets.map((target, index) => missing(samples, target, wanted[index] ?? 0));
      assert.deepEqual(gaps, targets.map(() => []), String(error));
    });
    assert.ok(wanted.every((count) => count >= kills), "the kills came in mid-stream");
    const ledger = serviceLedger.parse(await (await fetch(`${system.serviceUrl}/v1/ledger`)).json());
    const exporters = JSON.stringify(ledger.exporters);
    assert.deepEqual([ledger.balanced, ledger.complete, ledger.unreachable], [true, true, []], exporters);
    assert.deepEqual(ledger.sinks.map(addsUp), ledger.sinks.map(() => true), exporters);
    const [sink] = ledger.sinks;
    const scraped = wanted.reduce((sum, count) => sum + count, 0);
    assert.ok(sink !== undefined && sink.delivered >= scraped, `${sink?.delivered} of ${scraped} are in the books`);
    assert.deepEqual([sink.lost, sink.rejected, sink.declared], [0, 0, 0], exporters);
  });

  async function countSamples(): Promise<ExportedSample[]> {
    return (await readExported(system.exported)).filter((sample) => sample.name === "scrapes_total");
  }

  function served(): number {
    return targets.reduce((sum, target) => sum + target.scrapes(), 0);
  }

  /** The scrapes, by number, of which one of the series never arrived. */
  function missing(samples: readonly ExportedSample[], target: CountingTarget, count: number): number[] {
    const instance = `127.0.0.1:${target.listener.address.port}`;
    const arrived = new Map<number, Set<string>>();
    for (const { labels, value } of samples) {
      if (labels["instance"] !== instance) continue;
      const series = arrived.get(Number(value)) ?? new Set();
      arrived.set(Number(value), series.add(labels["series"] ?? ""));
    }
    const all = Array.from({ length: count }, (_, index) => index + 1);
    return all.filter((number) => arrived.get(number)?.size !== seriesCount);
  }
});

/** Answers each scrape with its number, in many series. */
interface CountingTarget {
  readonly listener: Listener;
  /** Scrapes that were answered. */
  scrapes(): number;
}

async function startCountingTarget(): Promise<CountingTarget> {
  let scrapes = 0;
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, () => {
    scrapes++;
    const lines = Array.from({ length: seriesCount }, (_, index) => `scrapes_total{series="${index}"} ${scrapes}\n`);
    return new Response(lines.join(""), { headers: { "content-type": "text/plain; version=0.0.4" } });
  });
  return { listener, scrapes: () => scrapes };
}
