import process from "node:process";
import { KernelBodyMemory } from "../../collector/kernel/body_memory.ts";
import { openKernel } from "../../collector/kernel/open_kernel.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { defaultAccess } from "../../core/scrape/access.ts";
import { PlainFetcher } from "../../core/scrape/plain/plain_fetcher.ts";
import { planRequest } from "../../core/scrape/request.ts";
import type { TargetFetcher } from "../../core/scrape/target_fetcher.ts";
import { testMetric, testTarget } from "../../core/scrape/testing/metrics.ts";
import { UndiciFetcher } from "../../core/scrape/undici_fetcher.ts";
import { makeLogger } from "../../core/telemetry/log.ts";

/**
 * What `scripts/bench fetch` runs on each runtime:
 *
 *   fetch_loop.ts plain|undici HOST:PORT URI PER_SLOT SLOT_MS SCRAPES
 *
 * fetches PER_SLOT bodies at once, then waits for SLOT_MS, until there were so many scrapes; writes what that cost this
 * process as JSON: `{"microseconds": CPU of a scrape, "bytes": of a body}`.
 */
const [kind = "plain", address = "", uri = "/", ...numbers] = process.argv.slice(2);
const [perSlot = 10, slotMs = 0, scrapes = 1000] = numbers.map(Number);

// The memory of bodies is a collector's.
const kernel = openKernel(makeLogger("bench", "silent"));
const memory = new KernelBodyMemory(kernel.memory, undefined, undefined, kernel.makeInflater());
const fetchers = Array.from({ length: 2 * perSlot }, () => makeFetcher());
// The first ones connect, and are compiled.
await run(Math.max(400, scrapes / 4));
const before = process.cpuUsage();
const bytes = await run(scrapes);
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${JSON.stringify({ microseconds: (user + system) / scrapes, bytes })}\n`);
for (const fetcher of fetchers) fetcher.close();

function makeFetcher(): TargetFetcher {
  const request = planRequest(testMetric({ uri, timeout: 1 }), testTarget({ address }), "0.1.0");
  return kind === "plain"
    ? new PlainFetcher(request, 1000, systemEnv.clock, defaultAccess, memory)
    : new UndiciFetcher(request, 1000, systemEnv.clock, defaultAccess);
}

/** Returns the size of the last body. */
async function run(count: number): Promise<number> {
  let length = 0;
  for (let done = 0; done < count; done += perSlot) {
    const first = done / perSlot % 2 * perSlot;
    await Promise.all(
      fetchers.slice(first, first + perSlot).map(async (fetcher) => {
        const outcome = await fetcher.fetch();
        if (!outcome.ok) throw new Error(outcome.reason);
        length = outcome.body.length;
        outcome.release?.();
      }),
    );
    if (slotMs > 0) await new Promise((resolve) => setTimeout(resolve, slotMs));
  }
  return length;
}
