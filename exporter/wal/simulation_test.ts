/**
 * A collector and a sink use the log through random faults: power cuts, kills, full disks and failing fsyncs. Whatever
 * happens, each record that the log says it has is either with the sink or in the log.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CrashMode, FileSystemError, type MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { diskFullRetryMs } from "./log_state.ts";
import {
  opaque,
  openTestWal,
  origin,
  quiet,
  readAll,
  readOn,
  seeded,
  sequencesOf,
  type TestWal,
} from "./wal_testing.ts";

const a = origin("a");
const crashModes: readonly CrashMode[] = ["drop", "keep", "torn"];

class Simulation {
  readonly trace: string[] = [];
  readonly #chance: () => number;
  #log: TestWal;
  #nextSequence = 1;
  #acknowledged = 0;
  /** What the sink has, and what retention took. */
  readonly #delivered = new Set<number>();
  /** Counts the starts of the exporter: what one does that was cut off counts no more. */
  #life = 0;

  constructor(chance: () => number, log: TestWal) {
    this.#chance = chance;
    this.#log = log;
  }

  static async start(chance: () => number): Promise<Simulation> {
    const simulation = new Simulation(chance, await openTestWal());
    await simulation.#reopen(simulation.#log.fs);
    return simulation;
  }

  /** Does one thing at random. */
  async act(): Promise<void> {
    const actions: (() => Promise<void>)[] = [
      () => this.#append(),
      () => this.#append(),
      () => this.#append(),
      () => quiet(),
      () => this.#log.clock.advance(diskFullRetryMs),
      () => this.#setCapacity(),
      () => this.#deliverSome(),
      () => this.#retain(),
      () => this.#cutPower(),
      () => this.#kill(),
      () => this.#failSync(),
      () => this.#restart(),
    ];
    await this.#pick(actions)();
  }

  /** With room on the disk again everything that was appended becomes durable. */
  async finish(): Promise<void> {
    this.#log.fs.capacityBytes = Infinity;
    await this.#restart();
    await this.#append();
    await quiet();
    assert.equal(this.#log.wal.resumePoint(a), this.#nextSequence - 1);
    await this.#log.wal.close();
    await this.#reopen(this.#log.fs);
    await this.#log.wal.close();
  }

  #append(): Promise<void> {
    const count = Math.ceil(this.#chance() * 8);
    this.trace.push(`append ${count}`);
    for (let index = 0; index < count && this.#log.wal.accepting(); index++) {
      this.#log.wal.append(opaque(a, this.#nextSequence, "x".repeat(Math.floor(this.#chance() * 900))));
      this.#nextSequence++;
    }
    return Promise.resolve();
  }

  #setCapacity(): Promise<void> {
    const { fs } = this.#log;
    fs.capacityBytes = this.#chance() < 0.5 ? Infinity : fs.usedBytes() + Math.floor(this.#chance() * 2000);
    this.trace.push(`capacity ${fs.capacityBytes}`);
    return Promise.resolve();
  }

  /** The sink takes some records, and what lies wholly before its position is trimmed. */
  async #deliverSome(): Promise<void> {
    const { wal } = this.#log;
    const reader = wal.reader(null);
    const { records, positions } = await readOn(reader, 1);
    await reader.close();
    const count = Math.floor(this.#chance() * (positions.length + 1));
    this.trace.push(`deliver ${count} of ${positions.length}`);
    for (const sequence of sequencesOf(records.slice(0, count), "a")) this.#delivered.add(sequence);
    const position = positions[count - 1];
    if (position !== undefined) await wal.trim(position);
  }

  /** Retention takes the older segments, whether the sink has them or not. */
  async #retain(): Promise<void> {
    const { wal } = this.#log;
    const list = wal.segmentList();
    const segment = list[Math.floor(this.#chance() * list.length)];
    this.trace.push(`retain ${segment?.segment ?? "nothing"} of ${list.length}`);
    if (segment === undefined) return;
    for (const sequence of sequencesOf(await readAll(wal), "a")) this.#delivered.add(sequence);
    for (const sequence of sequencesOf(await readAll(wal, segment.start), "a")) this.#delivered.delete(sequence);
    await wal.trim(segment.start);
  }

  async #cutPower(): Promise<void> {
    const mode = this.#pick(crashModes);
    this.trace.push(`power cut, ${mode}`);
    this.#life++;
    await this.#reopen(this.#log.fs.crash(mode, this.#chance));
  }

  /** The process ends, but what it wrote reaches the next one. */
  async #kill(): Promise<void> {
    this.trace.push("kill");
    this.#life++;
    await this.#reopen(this.#log.fs.crash("keep"));
  }

  async #failSync(): Promise<void> {
    this.trace.push("failing fsync");
    const { fs } = this.#log;
    fs.before = ({ name, path }) => {
      if (name === "sync" || name === "syncDir") throw new FileSystemError("EIO", path);
    };
    await this.#append();
    await quiet();
    fs.before = null;
    this.#life++;
    await this.#reopen(fs.crash(this.#pick(crashModes), this.#chance));
  }

  async #restart(): Promise<void> {
    this.trace.push("restart");
    this.#log.fs.capacityBytes = Infinity;
    await this.#log.clock.advance(diskFullRetryMs);
    await this.#log.wal.close();
    await this.#reopen(this.#log.fs);
  }

  /** Starts the exporter on `disk`, checks what it promises, and connects the collector to it. */
  async #reopen(disk: MemoryFileSystem): Promise<void> {
    this.#log = await openTestWal({
      fs: disk,
      segmentBytes: 2000,
      pendingBytesMax: 8000,
      reserveBytes: 500,
      tailBytes: 40_000,
    });
    const { wal } = this.#log;
    const resumePoint = wal.resumePoint(a);
    assert.ok(resumePoint >= this.#acknowledged, `resumes at ${resumePoint}, ${this.#acknowledged} acknowledged`);
    const records = await readAll(wal);
    const { entries, oldest, damagedEntries } = wal.stats();
    assert.equal(records.length + damagedEntries, entries - oldest.entry, "the entries balance");
    const present = new Set(sequencesOf(records, "a"));
    for (let sequence = 1; sequence <= resumePoint; sequence++) {
      assert.ok(present.has(sequence) || this.#delivered.has(sequence), `${sequence} of ${resumePoint} is lost`);
    }
    const first = resumePoint + 1;
    this.#nextSequence = first;
    this.#acknowledged = resumePoint;
    const life = ++this.#life;
    wal.onDurable((index) => {
      if (this.#life === life) this.#acknowledged = first + index - 1;
    });
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#chance() * from.length)]!;
  }
}

for (const part of [1, 2, 3, 4]) {
  test(`nothing is lost in random histories of faults, part ${part}`, async () => {
    for (let seed = part * 1000; seed < part * 1000 + 25; seed++) {
      const simulation = await Simulation.start(seeded(seed));
      try {
        for (let count = 0; count < 40; count++) await simulation.act();
        await simulation.finish();
      } catch (error) {
        throw new Error(`seed ${seed}: ${simulation.trace.join("; ")}`, { cause: error });
      }
    }
  });
}

test("a seed gives the same history again", async () => {
  const traces: string[] = [];
  for (let run = 0; run < 2; run++) {
    const simulation = await Simulation.start(seeded(5));
    for (let count = 0; count < 30; count++) await simulation.act();
    traces.push(simulation.trace.join("; "));
  }
  assert.equal(traces[0], traces[1]);
});
