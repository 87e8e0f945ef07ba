import assert from "node:assert/strict";
import { makeAssignmentState, stepAssignment } from "../../collector/assignment/assignment.ts";
import {
  makeSchedule,
  type ScheduledTarget,
  type ScheduleEvent,
  stepSchedule,
} from "../../collector/schedule/scheduler.ts";
import { identityKey } from "../../collector/schedule/tick.ts";
import { TargetTable } from "../../collector/target_table.ts";
import { documentPath } from "../../core/config/key.ts";
import type { TargetStatus } from "../../core/registry/status.ts";
import { leaseMs, place, type VirtualWorld } from "./virtual_world.ts";

const scrapeMsMax = 600;

/** A collector around the real assignment and the real schedule: learns late, tells late, is killed and comes back. */
export class ModelCollector {
  readonly name: string;
  readonly #world: VirtualWorld;
  readonly #path: string;
  /** One for each run of the process; what an earlier run left in the queue comes to nothing. */
  #run = 0;
  #isUp = false;
  #assignment = makeAssignmentState("", 1);
  #schedule = makeSchedule(200);
  #table = makeTable();
  #targets: readonly ScheduledTarget[] = [];
  #kept: string | null = null;
  #timer = 0;
  #report = 0;
  /** Learns nothing new any more, or tells nothing any more. */
  isDeaf = false;
  isMute = false;

  constructor(world: VirtualWorld, name: string) {
    this.#world = world;
    this.name = name;
    this.#path = documentPath({ ...place, kind: "Collection", name });
    world.onFile((event) => {
      const path = event.type === "put" ? event.entry.path : "path" in event ? event.path : "";
      if (path === this.#path) this.#learnSoon();
    });
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Keys of the targets that it has, whether or not it scrapes them now. */
  get keys(): string[] {
    return this.#targets.map((target) => target.key);
  }

  /** What it tells of its targets when their scrapes cost so many samples. */
  statuses(costOf: (address: string) => number): TargetStatus[] {
    const lastScrapeMs = this.#world.nowMs;
    return this.#table.statuses().map((status) => ({
      ...status,
      health: "up",
      lastScrapeMs,
      samples: costOf(status.address),
    }));
  }

  start(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#run++;
    this.#assignment = makeAssignmentState(this.#path, 1);
    this.#schedule = makeSchedule(200);
    this.#table = makeTable();
    this.#targets = [];
    if (this.#kept !== null) this.#take({ type: "restored", text: this.#kept });
    this.#later(this.#world.int(this.#world.delays.configMs), () => {
      this.#learn();
      this.#world.alive.add(this.name);
      this.#world.onNews();
      this.#tell();
    });
  }

  /** Ends it as an orchestrator does; it withdraws from the registry. */
  stop(): void {
    this.#isUp = false;
    this.#run++;
    this.#world.alive.delete(this.name);
    this.#world.onNews();
  }

  /** Kills it; unless it is started again before, its lease ends some time later, and `onNoticed` is called. */
  kill(onNoticed: () => void): void {
    const run = ++this.#run;
    this.#isUp = false;
    this.#world.at(leaseMs - this.#world.int(leaseMs / 3), () => {
      if (this.#run !== run) return;
      this.#world.alive.delete(this.name);
      onNoticed();
      this.#world.onNews();
    });
  }

  #learnSoon(): void {
    if (this.#isUp && !this.isDeaf) this.#later(this.#world.int(this.#world.delays.configMs), () => this.#learn());
  }

  #learn(): void {
    const text = this.#world.files.get(this.#path);
    this.#take(text === undefined ? { type: "absent" } : { type: "document", text });
  }

  #take(event: Parameters<typeof stepAssignment>[1]): void {
    for (const effect of stepAssignment(this.#assignment, event)) {
      if (effect.type === "keep") this.#kept = effect.text;
      if (effect.type !== "apply") continue;
      this.#targets = this.#table.replace(effect.assignment);
      this.#step({ type: "assigned", targets: this.#targets });
      this.#tell();
    }
  }

  /** Tells the generation in force; what is told later never arrives earlier. */
  #tell(): void {
    const report = ++this.#report;
    const generation = this.#assignment.inForce?.generation ?? 0;
    this.#later(this.#world.int(this.#world.delays.statusMs), () => {
      if (report !== this.#report || this.isMute) return;
      this.#world.told.set(this.name, generation);
      this.#world.onNews();
    });
  }

  #step(event: ScheduleEvent): void {
    const now = { wallMs: this.#world.nowMs, monotonicMs: this.#world.nowMs };
    for (const effect of stepSchedule(this.#schedule, event, now)) {
      if (effect.type === "arm") {
        const timer = ++this.#timer;
        this.#later(effect.delayMs, () => {
          if (timer === this.#timer) this.#step({ type: "timer" });
        });
        continue;
      }
      const { key, scheduledMs } = effect;
      this.#world.ledger.scraped(key, scheduledMs, this.name);
      this.#later(this.#world.int(scrapeMsMax), () => this.#step({ type: "finished", key }));
    }
  }

  #later(delayMs: number, run: () => void): void {
    const before = this.#run;
    this.#world.at(delayMs, () => {
      if (before === this.#run) run();
    });
  }
}

/** It only tells what is to be scheduled; the scrapes are the model's. */
function makeTable(): TargetTable {
  return new TargetTable({
    place: { cluster: place.clusterId, namespace: place.namespace },
    epoch: 1n,
    makeScraper: () => ({ scrape: () => Promise.resolve(null), live: () => null, end: () => 0, close() {} }),
    departures: null,
    nowMs: () => 0,
    onDuplicate: (key) => assert.fail(`${key} is in a collection twice`),
  });
}

export function targetKey(metric: string, address: string, pod: string): string {
  return identityKey({ cluster: place.clusterId, namespace: place.namespace, metric, address, pod });
}
