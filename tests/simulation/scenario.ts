import assert from "node:assert/strict";
import { documentPath } from "../../core/config/key.ts";
import { startGraceMs } from "../../service/reconcile/peers.ts";
import { podOf } from "../../service/testing/documents.ts";
import { targetKey } from "./model_collector.ts";
import { ModelService, type Wish } from "./model_service.ts";
import { ScrapeLedger } from "./scrape_ledger.ts";
import { type Delays, leaseMs, place, VirtualWorld } from "./virtual_world.ts";

/** What it takes to see that a lease has ended, and to tell the others. */
const noticeMs = 2500;

/** A namespace in virtual time, in which the test lets things happen, with every tick counted. */
export class Scenario {
  readonly ledger = new ScrapeLedger();
  readonly world: VirtualWorld;
  readonly service: ModelService;
  readonly wish: Wish = {
    replicas: 2,
    pods: [],
    metrics: [{ name: "cart", frequency: 1 }, { name: "pay", frequency: 3 }],
    uri: "/1",
  };
  kills = 0;
  #podCount = 0;
  /** Collectors that were killed and not started again: a service that has just started does not know that they are dead. */
  readonly #down = new Map<string, () => void>();
  /** By killed collector: notes what its collection says. */
  readonly #noted = new Map<string, () => void>();

  constructor(seed: number, delays: Delays) {
    this.world = new VirtualWorld(seed, delays, this.ledger);
    for (let count = 0; count < 12; count++) this.addPod();
    this.service = new ModelService(this.world, this.wish);
    this.service.onCrash = () => {
      for (const excuse of this.#down.values()) excuse();
    };
  }

  run(forMs: number): void {
    this.world.runUntil(this.world.nowMs + forMs);
  }

  addPod(): void {
    const index = this.#podCount++;
    const { name, frequency } = this.wish.metrics[index % this.wish.metrics.length] ?? assert.fail();
    const pod = podOf(`pod-${index}`, { ip: `10.0.${index >> 8}.${index & 255}`, labels: { app: name } });
    this.wish.pods = [...this.wish.pods, pod];
    this.ledger.added(targetKey(name, `${pod.ip}:9100`, pod.name), frequency * 1000, this.world.nowMs);
  }

  removePod(): void {
    const pod = this.wish.pods[this.world.int(this.wish.pods.length)];
    if (pod === undefined) return;
    // What a killed collector was given and loses again was its own as well.
    for (const note of this.#noted.values()) note();
    this.wish.pods = this.wish.pods.filter((one) => one !== pod);
    this.ledger.removed(targetKey(pod.labels["app"] ?? "", `${pod.ip}:9100`, pod.name), this.world.nowMs);
  }

  /** The metrics' definition changes. */
  redefine(): void {
    this.wish.uri = `/${this.world.int(1e9)}`;
    this.ledger.changed(this.world.nowMs);
  }

  /** Kills a collector, which is down for a random time. What it had, or was to get, is excused. */
  kill(): void {
    const { victim, others } = this.#victim();
    // Somebody has to be left who can take over.
    if (victim === undefined || others.every((ordinal) => ordinal >= this.wish.replicas)) return;
    this.kills++;
    let fromMs = this.world.nowMs - 100;
    const downMs = 500 + this.world.int(40_000);
    const keys = new Set<string>();
    const note = () => {
      for (const key of [...victim.keys, ...this.#keysInFileOf(victim.name)]) keys.add(key);
    };
    this.#noted.set(victim.name, note);
    const excuse = (forMs: number) => {
      note();
      const { nowMs } = this.world;
      for (const key of keys) this.ledger.excuse(key, Math.min(fromMs, nowMs), nowMs + forMs);
    };
    excuse(Math.min(leaseMs, downMs) + noticeMs);
    // What it was given until its death was noticed is its own too.
    victim.kill(() => {
      excuse(noticeMs);
      fromMs = Infinity;
    });
    this.#down.set(victim.name, () => excuse(this.service.downMsMax + startGraceMs + noticeMs));
    this.world.at(downMs, () => {
      if (this.service.collectors.get(victim.name) !== victim) return;
      // It begins with what it had, until it has read what is.
      excuse(noticeMs);
      this.#down.delete(victim.name);
      victim.start();
    });
  }

  /** One random thing happens. */
  act(): void {
    const what = this.world.int(10);
    if (what < 2) this.wish.replicas = 1 + Math.max(this.world.int(6), Math.min(5, ...this.#upOrdinals()));
    else if (what < 4) this.addPod();
    else if (what < 6) this.removePod();
    else if (what < 7) this.kill();
    else if (what < 8) this.redefine();
    else this.service.crashAfter(this.world.int(4));
    this.service.changed();
  }

  #victim() {
    const running = [...this.service.collectors.values()].filter((collector) => collector.isUp);
    const victim = running[this.world.int(running.length)];
    const others = this.#upOrdinals().filter((ordinal) => !victim?.name.endsWith(`-${ordinal}`));
    return { victim, others };
  }

  #upOrdinals(): number[] {
    return [...this.service.collectors.values()].filter((collector) => collector.isUp)
      .map(({ name }) => Number(name.slice(name.lastIndexOf("-") + 1)));
  }

  #keysInFileOf(name: string): string[] {
    const text = this.world.files.get(documentPath({ ...place, kind: "Collection", name })) ?? "";
    return this.wish.pods.filter((pod) => text.includes(`"${pod.ip}:9100"`))
      .map((pod) => targetKey(pod.labels["app"] ?? "", `${pod.ip}:9100`, pod.name));
  }
}

/** How many targets each wanted collector has. */
export function countsOf(scenario: Scenario): number[] {
  return Array.from(
    { length: scenario.wish.replicas },
    (_, ordinal) => scenario.service.collectors.get(`bcs-collector-shop-${ordinal}`)?.keys.length ?? -1,
  );
}

/** Everything is where it is to be, and nothing is on its way any more. */
export function checkSettled(scenario: Scenario): void {
  const { service, wish, world } = scenario;
  const counts = countsOf(scenario);
  assert.equal(service.collectors.size, wish.replicas);
  assert.equal(counts.reduce((sum, count) => sum + count, 0), wish.pods.length);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `unbalanced: ${counts.join(" ")}`);
  for (const [path, text] of world.files) assert.doesNotMatch(text, /fromMs|untilMs/, path);
}
