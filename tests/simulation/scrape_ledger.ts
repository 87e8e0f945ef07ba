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
  readonly #besides = new Map<string, number[]>();
  readonly #changesMs: number[] = [];
  /** Scrapes besides the ticks, of all targets. */
  besides = 0;

  added(key: string, frequencyMs: number, nowMs: number): void {
    this.#lives.set(key, { frequencyMs, addedMs: nowMs, removedMs: Infinity });
  }

  removed(key: string, nowMs: number): void {
    const life = this.#lives.get(key);
    if (life !== undefined) life.removedMs = nowMs;
  }

  /** The definition of all targets changed: each may be scraped once besides its ticks. */
  changed(nowMs: number): void {
    this.#changesMs.push(nowMs);
  }

  scraped(key: string, tickMs: number, collector: string): void {
    const frequencyMs = this.#lives.get(key)?.frequencyMs ?? 1;
    if (tickMs % frequencyMs !== offsetOf(key, frequencyMs)) {
      this.besides++;
      this.#besides.set(key, [...this.#besides.get(key) ?? [], tickMs]);
      return;
    }
    const ticks = this.#scrapes.get(key) ?? new Map<number, string[]>();
    this.#scrapes.set(key, ticks);
    ticks.set(tickMs, [...ticks.get(tickMs) ?? [], collector]);
  }

  /** Ticks of the target in this time may be missed or doubled: its owner was killed. */
  excuse(key: string, fromMs: number, untilMs: number): void {
    this.#excuses.set(key, [...this.#excuses.get(key) ?? [], { fromMs, untilMs }]);
  }

  /**
   * @param mayDouble whether only missed ticks count.
   * @throws when a tick up to `endMs` was missed or doubled without excuse.
   */
  check(endMs: number, mayDouble = false): { readonly ticks: number; readonly excused: number } {
    this.#checkBesides();
    let [ticks, excused] = [0, 0];
    for (const [key, { frequencyMs, addedMs, removedMs }] of this.#lives) {
      const offsetMs = offsetOf(key, frequencyMs);
      const lastMs = Math.min(endMs, removedMs) - removalMs;
      const scraped = this.#scrapes.get(key) ?? new Map<number, string[]>();
      const firstMs = Math.min(addedMs + graceMs, ...scraped.keys());
      for (let tick = nextTick(offsetMs, frequencyMs, firstMs - 1); tick < lastMs; tick += frequencyMs) {
        const by = scraped.get(tick) ?? [];
        ticks++;
        if (by.length === 1 || (mayDouble && by.length > 1)) continue;
        const excuses = this.#excuses.get(key) ?? [];
        if (excuses.some(({ fromMs, untilMs }) => tick >= fromMs && tick < untilMs)) excused++;
        else assert.fail(`${key} was scraped ${by.length} times at ${tick}, by ${by.join(" and ")}`);
      }
    }
    return { ticks, excused };
  }

  /** Besides its ticks a target is scraped when it has come, and after a change of its definition, once each. */
  #checkBesides(): void {
    for (const [key, momentsMs] of this.#besides) {
      const { addedMs, removedMs } = this.#lives.get(key) ?? assert.fail(key);
      const reasonsMs = [addedMs, ...this.#changesMs.filter((changeMs) => changeMs > addedMs && changeMs < removedMs)];
      for (const momentMs of momentsMs) {
        const known = reasonsMs.filter((reasonMs) => reasonMs <= momentMs).length;
        const made = momentsMs.filter((one) => one <= momentMs).length;
        assert.ok(made <= known, `${key} was scraped ${made} times besides its ticks, with ${known} reasons`);
      }
    }
  }
}
