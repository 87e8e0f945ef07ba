import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { applicationYaml, collectorYaml, metricYaml, startSmallSystem } from "../../tests/support/small_system.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { type Benchmark, formatMs, quantile } from "./benchmark.ts";

const goalMs = 1000;
/** So many that one of them is due every 50 ms: what is measured is the way of the change, not the wait for a tick. */
const targetCount = 40;
/** Seconds: targets that are always due soon, and such as a namespace mostly has. */
const frequencies = [1, 60] as const;

/**
 * From a change of a Metric's file on the volume to the first scrape under it, through the real processes: service,
 * two collectors and an exporter. Half of the changes are of a metric whose targets are scraped every second, half of
 * one whose targets are scraped every minute: those are scraped at once, besides their ticks.
 */
export const configLatencyBenchmark: Benchmark = {
  name: "config-latency",
  title: "from a file change on the volume to the first scrape under the new configuration",
  async run(short) {
    const scrapes = new FirstScrapes();
    const servers = await Promise.all(Array.from({ length: targetCount }, () => scrapes.serve()));
    const system = await startSmallSystem({});
    try {
      const write = (change: number, frequency: number) =>
        system.writeDocument(`TEST/metric/shop/bench-${frequency}.yaml`, metricOf(change, frequency));
      await system.writeDocument("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(2));
      for (const frequency of frequencies) await write(0, frequency);
      const ports = servers.map((server) => server.address.port);
      await system.writeDocument("TEST/application/shop/bench.yaml", applicationYaml("bench", ports));
      for (const frequency of frequencies) {
        await waitFor("the first scrapes", 90_000, () => scrapes.of(pathOf(0, frequency)));
      }
      const latencies: number[] = [];
      for (let change = 1; change <= (short ? 3 : 120); change++) {
        // Whatever has a period of its own shall be met at every phase of it.
        await new Promise((resolve) => setTimeout(resolve, 1000 + Math.random() * 1000));
        const frequency = frequencies[change % frequencies.length] ?? frequencies[0];
        const changedMs = performance.now();
        await write(change, frequency);
        const path = pathOf(change, frequency);
        latencies.push(await waitFor(path, 90_000, () => scrapes.of(path)) - changedMs);
      }
      const p99 = quantile(latencies, 0.99);
      return [
        {
          what: `p50 of ${latencies.length} changes`,
          value: formatMs(quantile(latencies, 0.5)),
          goal: "",
          isMet: true,
        },
        { what: "p99", value: formatMs(p99), goal: `< ${goalMs} ms`, isMet: p99 < goalMs },
        { what: "longest", value: formatMs(Math.max(...latencies)), goal: "", isMet: true },
      ];
    } finally {
      await system.stop();
      await Promise.all(servers.map((server) => server.close()));
    }
  },
};

function pathOf(change: number, frequency: number): string {
  return `/${frequency}/${change}`;
}

function metricOf(change: number, frequency: number): string {
  return metricYaml("bench").replace("name: bench", `name: bench-${frequency}`)
    .replace(`version: "1"`, `version: "${change}"`)
    .replace("frequency: 1", `frequency: ${frequency}`)
    .replace("uri: /metrics", `uri: ${pathOf(change, frequency)}`);
}

/** When each path was first asked for, at whichever target. */
class FirstScrapes {
  readonly #times = new Map<string, number>();

  serve(): Promise<Listener> {
    return serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
      const { pathname } = new URL(request.url);
      if (!this.#times.has(pathname)) this.#times.set(pathname, performance.now());
      return new Response("up_bench 1\n", { headers: { "content-type": "text/plain; version=0.0.4" } });
    });
  }

  of(path: string): number | null {
    return this.#times.get(path) ?? null;
  }
}
