import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { identityKey, nextTick, offsetOf } from "../../collector/schedule/tick.ts";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";

/** A target of the Application and Metric "count" in TEST/shop that notes when it is scraped. */
export interface CountedTarget {
  readonly listener: Listener;
  readonly address: string;
  readonly key: string;
  /** Unix milliseconds of each scrape. */
  readonly times: number[];
}

/** A while in which ticks of some targets may be missed or doubled, because their owner was killed. */
export interface Excuse {
  readonly keys: ReadonlySet<string>;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** `series` samples named `load` with each scrape. */
export async function startCountedTarget(index: number, series = 200): Promise<CountedTarget> {
  const times: number[] = [];
  const body = Array.from({ length: series }, (_, number) => `load{series="${number}"} ${number}\n`).join("");
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, () => {
    times.push(Date.now());
    return new Response(body, { headers: { "content-type": "text/plain; version=0.0.4" } });
  });
  const address = `127.0.0.1:${listener.address.port}`;
  const key = identityKey({ cluster: "TEST", namespace: "shop", metric: "count", address, pod: `count-${index}` });
  return { listener, address, key, times };
}

/**
 * Fails when a target was not scraped exactly once at each of its ticks between the two moments, without an excuse.
 * Returns how many ticks were excused.
 */
export function checkTicks(
  { key, times }: Pick<CountedTarget, "key" | "times">,
  frequencyMs: number,
  startMs: number,
  endMs: number,
  excuses: readonly Excuse[],
): number {
  const offsetMs = offsetOf(key, frequencyMs);
  let excused = 0;
  for (let tick = nextTick(offsetMs, frequencyMs, startMs); tick + frequencyMs < endMs; tick += frequencyMs) {
    const count = times.filter((time) => time >= tick && time < tick + frequencyMs).length;
    if (count === 1) continue;
    const known = excuses.some(({ keys, fromMs, untilMs }) => keys.has(key) && tick > fromMs && tick < untilMs);
    assert.ok(known, `${key} was scraped ${count} times at its tick ${tick - startMs} ms after the start`);
    excused++;
  }
  return excused;
}

/** The addresses in each collection of a folder; one that is being handed over counts at both of its owners. */
export async function readShares(folder: string): Promise<Map<string, string[]>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  const texts = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const),
  );
  return new Map(texts.map(([name, text]) => [
    name.slice(0, -".yaml".length),
    [...text.matchAll(/"address":"([^"]+)"/g)].map(([, address]) => address ?? ""),
  ]));
}

/** Whether so many collections hold each of the targets once, and no two differ by more than one. */
export function inBalance(
  shares: ReadonlyMap<string, readonly string[]>,
  collectors: number,
  targets: number,
): boolean {
  const counts = [...shares.values()].map((addresses) => addresses.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.length === collectors && total === targets && Math.max(...counts) - Math.min(...counts) <= 1;
}
