import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoverSpool } from "../../collector/send/disk/recovery.ts";
import type { Random } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { deliveredBytes, scrapesAtSizes } from "./delivered_scrapes.ts";
import { Fleet } from "./fleet.ts";
import { readLedger } from "./ledger_watch.ts";
import { collectionOf, type NumberedTarget, startNumberedTarget } from "./numbered_targets.ts";
import { startCommand } from "./programs.ts";
import { WildReceiver } from "./wild_receiver.ts";

export const seriesEach = 3;
/** Of the receiver; well above what "slow" takes. */
const timeoutMs = 1000;
/** For requests of a process that was killed, which are still on their way to a target. */
const settleMs = 20;
/** Nothing is written to the copy of a spool, whatever size its segments are to have. */
const segmentBytes = 1024 ** 2;

const compileCache = "NODE_COMPILE_CACHE";

/** One start of a collector, from one moment to the next one's start. */
interface Run {
  readonly startMs: number;
}

/** Where an exporter's file sink was when the exporter was killed. */
interface SinkPlace {
  readonly fileBytes: number;
  /** Records that were delivered by the cursor on disk. */
  readonly booked: number;
}

/**
 * Collectors and exporters as real processes that are killed, with a file sink and an HTTP sink that misbehaves, and
 * what has to be known of each killing to say afterwards whether anything is missing.
 */
export class ChaosSystem {
  readonly fleet: Fleet;
  readonly receiver: WildReceiver;
  /** By collector. */
  readonly targets: readonly (readonly NumberedTarget[])[];
  readonly exporters: number;
  /** The highest sequence that was found in a spool, by `<collector> <epoch>`. */
  readonly spooled = new Map<string, number>();
  /** Records that were in spools when their collectors were killed: one that was acknowledged may go elsewhere too. */
  leftInSpools = 0;
  readonly #runs: readonly Run[][];
  /** By exporter. */
  readonly #places: readonly SinkPlace[][];

  private constructor(fleet: Fleet, receiver: WildReceiver, targets: readonly NumberedTarget[][], exporters: number) {
    this.fleet = fleet;
    this.receiver = receiver;
    this.targets = targets;
    this.exporters = exporters;
    this.#runs = targets.map(() => []);
    this.#places = Array.from({ length: exporters }, () => []);
  }

  static async start(
    options: {
      readonly collectors: number;
      readonly exporters: number;
      readonly targetsEach: number;
      readonly random: Random;
      /** One scrape of so many fails at its target. Default: none. */
      readonly failEvery?: number;
      /** Called before anything runs. */
      readonly prepare?: (fleet: Fleet) => Promise<void>;
    },
  ): Promise<ChaosSystem> {
    const { collectors, exporters, targetsEach, random, failEvery } = options;
    const targets: NumberedTarget[][] = [];
    for (let index = 0; index < collectors; index++) {
      targets.push(
        await Promise.all(Array.from({ length: targetsEach }, () => startNumberedTarget(seriesEach, failEvery))),
      );
    }
    const receiver = await WildReceiver.start(random);
    const fleet = await Fleet.make();
    await startQuickly(fleet.folder);
    const system = new ChaosSystem(fleet, receiver, targets, exporters);
    await writeFile(
      join(fleet.folder, "exporter.yaml"),
      "sinks:\n  - {name: file, type: file, filesMax: 100}\n"
        + `  - {name: wild, type: remote_write, url: "${receiver.url}", protocol: "1.0", timeoutMs: ${timeoutMs}}\n`,
    );
    for (const [index, mine] of targets.entries()) {
      await fleet.write(`TEST/collection/shop/${system.collector(index)}.yaml`, collectionOf(index, mine));
    }
    await options.prepare?.(fleet);
    for (let index = 0; index < exporters; index++) fleet.startExporter(index);
    for (const index of targets.keys()) {
      system.#runs[index]?.push({ startMs: Date.now() });
      fleet.startCollector(index, "file", 0);
    }
    return system;
  }

  collector(index: number): string {
    return `bcs-collector-shop-${index}`;
  }

  exporterUrls(): string[] {
    return Array.from({ length: this.exporters }, (_, index) => this.fleet.exporterUrl(index));
  }

  folders(): string[] {
    return Array.from({ length: this.exporters }, (_, index) => this.fleet.exported(index));
  }

  /** Kills a collector, notes what it leaves, and starts it again. */
  async killCollector(index: number): Promise<void> {
    const name = this.collector(index);
    await this.fleet.kill(name);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const copy = await this.#copySpool(name);
    this.#runs[index]?.push({ startMs: Date.now() });
    this.fleet.restart(name);
    this.leftInSpools += await this.#readCopy(name, copy);
  }

  /** Records in the spool of a collector that does not run. What they are is noted in `spooled`. */
  async readSpool(index: number): Promise<number> {
    const name = this.collector(index);
    return await this.#readCopy(name, await this.#copySpool(name));
  }

  /** Kills an exporter, and notes how far its file sink and its books are. */
  async killExporter(index: number): Promise<void> {
    await this.fleet.kill(`exporter-${index}`);
    const fileBytes = await deliveredBytes(this.fleet.exported(index));
    this.#places[index]?.push({ fileBytes, booked: await this.#deliveredBySavedCursor(index) });
  }

  /**
   * Records that may be twice in the folder of an exporter's file sink: what it had at each killing beyond its books.
   * Fails when books said that something was delivered that was not.
   */
  async mayComeAgain(index: number): Promise<number> {
    const places = this.#places[index] ?? [];
    const inFile = await scrapesAtSizes(this.fleet.exported(index), places.map(({ fileBytes }) => fileBytes));
    return places.reduce((sum, { booked }, place) => {
      const ahead = (inFile[place] ?? 0) - booked;
      assert.ok(ahead >= 0, `exporter ${index} booked ${booked} as delivered, ${inFile[place]} were`);
      return sum + ahead;
    }, 0);
  }

  restartExporter(index: number): void {
    this.fleet.restart(`exporter-${index}`);
  }

  /** Records of all starts of all collectors, by the exporters' books: the highest sequence number of each start. */
  async acknowledged(): Promise<Map<string, number>> {
    const highest = new Map<string, number>();
    for (const url of this.exporterUrls()) {
      const ledger = await readLedger(url, "?cluster=TEST&namespace=shop");
      assert.ok(ledger?.origins !== undefined, `${url} does not answer`);
      for (const { name, epoch, acknowledged } of ledger.origins) {
        const key = `${name} ${epoch}`;
        highest.set(key, Math.max(highest.get(key) ?? 0, acknowledged));
      }
    }
    return highest;
  }

  /** The index of the start of the target's collector that did a scrape at this moment. */
  runAt(collector: number, timeMs: number): number {
    return (this.#runs[collector] ?? []).findLastIndex(({ startMs }) => startMs <= timeMs);
  }

  lastRun(collector: number): number {
    return (this.#runs[collector] ?? []).length - 1;
  }

  /** `release` is called once nothing runs any more, and before the fleet's folder is removed. */
  async end(release: () => void | Promise<void> = () => {}): Promise<void> {
    delete process.env[compileCache];
    await this.fleet.end(release);
    await this.receiver.close();
    await Promise.all(this.targets.flat().map(({ listener }) => listener.close()));
  }

  /** A copy, since reading a spool tidies it up. */
  async #copySpool(name: string): Promise<string> {
    const copy = await mkdtemp(join(tmpdir(), "bcs-metric-spool-"));
    const spool = join(this.fleet.folder, name, "spool");
    // It may have been killed before it made one.
    if (await stat(spool).catch(() => null) !== null) await cp(spool, copy, { recursive: true });
    return copy;
  }

  async #readCopy(name: string, copy: string): Promise<number> {
    try {
      const { runs, badFiles } = await recoverSpool(systemEnv.fs, copy, segmentBytes);
      assert.equal(badFiles, 0);
      for (const { log, last } of runs) {
        await log.close();
        const key = `${name} ${log.epoch}`;
        this.spooled.set(key, Math.max(this.spooled.get(key) ?? 0, last));
      }
      return runs.reduce((sum, { records }) => sum + records, 0);
    } finally {
      await rm(copy, { recursive: true });
    }
  }

  /** 0 before the cursor was saved for the first time. */
  async #deliveredBySavedCursor(index: number): Promise<number> {
    const path = join(this.fleet.folder, `exporter-${index}`, "cursors", "file.json");
    const text = await readFile(path, "utf8").catch(() => null);
    if (text === null) return 0;
    const cursor: { settled: { delivered: [number, number] } } = JSON.parse(text);
    return cursor.settled.delivered[0];
  }
}

/**
 * Half of a start on Node is compiling, which would leave killed processes little time to work: they share what is
 * compiled. A process that is killed writes nothing of it, so others, that end by themselves, do before.
 */
async function startQuickly(folder: string): Promise<void> {
  process.env[compileCache] = join(folder, "compiled");
  for (const command of ["collector", "exporter"]) {
    await startCommand([command, "--help"], join(folder, "help.log")).ended;
  }
}
