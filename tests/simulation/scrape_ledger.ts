import assert from "node:assert/strict";
import { nextTick, offsetOf } from "../../collector/schedule/tick.ts";

interface Life {
  readonly frequencyMs: number;
  readonly addedMs: number;
  removedMs: number;
}

interface Excuse {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A target that has just come may miss ticks until somebody has learned of it. */
const graceMs = 25_000;
/** A tick of just before a target's removal may never start. */
const removalMs = 200;

/** Counts every tick of every target, and tells which were missed or doubled without excuse. */
export class ScrapeLedger {
  readonly #lives = new Map<string, Life>();
  readonly #scrapes = new Map<string, Map<number, string[]>>();
  readonly #excuses = new Map<string, Excuse[]>();
  scrapes = 0;

  added(key: string, frequencyMs: number, nowMs: number): void {
    this.#lives.set(key, { frequencyMs, addedMs: nowMs, removedMs: Infinity });
  }

  removed(key: string, nowMs: number): void {
    const life = this.#lives.get(key);
    if (life !== undefined) life.removedMs = nowMs;
  }

  scraped(key: string, tickMs: number, collector: string): void {
    this.scrapes++;
    const ticks = this.#scrapes.get(key) ?? new Map<number, string[]>();
    this.#scrapes.set(key, ticks);
    ticks.set(tickMs, [...ticks.get(tickMs) ?? [], collector]);
  }

  /** Ticks of the target in this time may be missed or doubled: its owner was killed. */
  excuse(key: string, fromMs: number, untilMs: number): void {
    this.#excuses.set(key, [...this.#excuses.get(key) ?? [], { fromMs, untilMs }]);
  }

  /** @throws when a tick up to `endMs` was missed or doubled without excuse. */
  check(endMs: number): { readonly ticks: number; readonly excused: number } {
    let [ticks, excused] = [0, 0];
    for (const [key, { frequencyMs, addedMs, removedMs }] of this.#lives) {
      const offsetMs = offsetOf(key, frequencyMs);
      const lastMs = Math.min(endMs, removedMs) - removalMs;
      const scraped = this.#scrapes.get(key) ?? new Map<number, string[]>();
      const firstMs = Math.min(addedMs + graceMs, ...scraped.keys());
      for (let tick = nextTick(offsetMs, frequencyMs, firstMs - 1); tick < lastMs; tick += frequencyMs) {
        const by = scraped.get(tick) ?? [];
        ticks++;
        if (by.length === 1) continue;
        const excuses = this.#excuses.get(key) ?? [];
        if (excuses.some(({ fromMs, untilMs }) => tick >= fromMs && tick < untilMs)) excused++;
        else assert.fail(`${key} was scraped ${by.length} times at ${tick}, by ${by.join(" and ")}`);
      }
    }
    return { ticks, excused };
  }
}
