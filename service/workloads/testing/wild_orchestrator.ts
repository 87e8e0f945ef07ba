import type { Clock, Random } from "../../../core/runtime/env.ts";
import {
  type Orchestrator,
  OrchestratorError,
  type OrchestratorErrorKind,
  PartialListError,
} from "../../orchestrator/orchestrator.ts";
import {
  type Difference,
  fingerprintOf,
  type Workload,
  type WorkloadKey,
  workloadPath,
  type WorkloadStatus,
} from "../../orchestrator/workload.ts";

/** What a workload really is, whoever made it so. */
export interface RealWorkload extends WorkloadKey {
  fingerprint: string;
  replicas: number;
  replicasApplied: number | null;
  drift: Difference[];
  /** How often its instances were started anew. */
  starts: number;
}

export interface Weather {
  failureChance: number;
  /** Chance that an apply is taken and forgotten. */
  forgetChance: number;
  /** Chance that a listing is one from before. */
  staleChance: number;
  delayMsMax: number;
}

export const fairWeather: Weather = { failureChance: 0, forgetChance: 0, staleChance: 0, delayMsMax: 5 };

const kinds: readonly OrchestratorErrorKind[] = ["unavailable", "conflict", "forbidden", "invalid"];

/** An orchestrator for tests that fails, is slow, forgets, and shows old listings, and whose workloads others change. */
export class WildOrchestrator implements Orchestrator {
  readonly name = "wild";
  readonly real = new Map<string, RealWorkload>();
  weather: Weather = fairWeather;
  applies = 0;
  deletes = 0;
  lists = 0;
  /** Paths that nobody may delete now. */
  isWished: (path: string) => boolean = () => false;
  /** Fails for these paths until further notice. */
  readonly refused = new Map<string, OrchestratorErrorKind>();
  /** Clusters that cannot be listed. */
  readonly unlisted = new Set<string>();
  readonly mistakes: string[] = [];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #watchers = new Set<() => void>();
  #before: WorkloadStatus[] = [];

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  async apply(workload: Workload): Promise<void> {
    this.applies += 1;
    const path = workloadPath(workload);
    await this.#weathered(path);
    if (this.#random.float() < this.weather.forgetChance) return;
    const { clusterId, namespace, name, replicas } = workload;
    const present = this.real.get(path);
    const fingerprint = fingerprintOf(workload);
    const isOther = present === undefined || present.fingerprint !== fingerprint || present.drift.length > 0;
    const starts = (present?.starts ?? 0) + (isOther ? 1 : 0);
    this.#set({ clusterId, namespace, name, fingerprint, replicas, replicasApplied: replicas, drift: [], starts });
  }

  scale(): Promise<void> {
    return Promise.reject(new Error("nobody scales by itself"));
  }

  async delete(key: WorkloadKey): Promise<void> {
    this.deletes += 1;
    const path = workloadPath(key);
    if (this.isWished(path)) this.mistakes.push(`${path} is deleted while it is wished for`);
    await this.#weathered(path);
    this.removeByHand(path);
  }

  async list(): Promise<WorkloadStatus[]> {
    this.lists += 1;
    await this.#weathered("");
    const before = this.#before;
    this.#before = [...this.real.values()].map((one) => ({ ...one, problem: "", instances: [] }));
    const found = this.#random.float() < this.weather.staleChance ? before : this.#before;
    if (this.unlisted.size === 0) return found;
    const reasons = [...this.unlisted].map((cluster) => [cluster, new Error(`no way to ${cluster}`)] as const);
    throw new PartialListError(found.filter(({ clusterId }) => !this.unlisted.has(clusterId)), new Map(reasons));
  }

  watch(onChange: () => void): { close(): void } {
    this.#watchers.add(onChange);
    return { close: () => void this.#watchers.delete(onChange) };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What somebody else does. */
  changeByHand(path: string, change: Partial<RealWorkload>): void {
    const present = this.real.get(path);
    if (present !== undefined) this.#set({ ...present, ...change });
  }

  createByHand(key: WorkloadKey, replicas: number): void {
    this.#set({ ...key, fingerprint: "", replicas, replicasApplied: null, drift: [], starts: 1 });
  }

  removeByHand(path: string): void {
    if (this.real.delete(path)) this.#tell();
  }

  #set(workload: RealWorkload): void {
    this.real.set(workloadPath(workload), workload);
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async #weathered(path: string): Promise<void> {
    const { delayMsMax, failureChance } = this.weather;
    const delayMs = this.#random.float() * delayMsMax;
    await new Promise<void>((resolve) => void this.#clock.after(delayMs, resolve));
    const refused = this.refused.get(path);
    if (refused !== undefined) throw new OrchestratorError(`no ${path}`, refused);
    if (this.#random.float() >= failureChance) return;
    const kind = kinds[Math.floor(this.#random.float() * kinds.length)] ?? "unavailable";
    throw new OrchestratorError(`${kind} for now`, kind);
  }
}
