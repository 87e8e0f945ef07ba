import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import { freePorts, startCommand } from "./programs.ts";

/** What is the same for all processes of a fleet: `{volume}` or `{store}`. */
export type FleetPlace = Readonly<Record<string, string>>;

const graceMs = 10_000;

/**
 * Services, exporters and collectors as real processes of one machine, that nobody but the test starts and ends: a
 * service's end takes no collector with it.
 */
export class Fleet {
  readonly folder: string;
  readonly place: FleetPlace;
  readonly #firstPort: number;
  readonly #running = new Map<string, Child>();
  readonly #starts = new Map<string, () => Child>();

  private constructor(folder: string, place: FleetPlace, firstPort: number) {
    this.folder = folder;
    this.place = place;
    this.#firstPort = firstPort;
  }

  /** Without a place, over a volume in the fleet's own folder. */
  static async make(place?: FleetPlace): Promise<Fleet> {
    const folder = await mkdtemp(join(tmpdir(), "bcs-metric-fleet-"));
    await mkdir(join(folder, "volume"));
    await writeFile(join(folder, "exporter.yaml"), "sinks:\n  - {name: file, type: file, filesMax: 100}\n");
    return new Fleet(folder, place ?? { volume: join(folder, "volume") }, await freePorts(portsMax));
  }

  get volume(): string {
    return join(this.folder, "volume");
  }

  serviceUrl(index: number): string {
    return `http://127.0.0.1:${this.#port("service", index)}`;
  }

  exporterUrl(index: number): string {
    return `http://127.0.0.1:${this.#port("exporter", index) + 1}`;
  }

  /** Folder of the file sink. */
  exported(index: number): string {
    return join(this.folder, `exporter-${index}`, "export");
  }

  startService(index: number, values: Readonly<Record<string, string | number>> = {}): void {
    this.#start(`service-${index}`, "service", {
      ...this.place,
      orchestrator: "none",
      listen: `127.0.0.1:${this.#port("service", index)}`,
      frequencyMin: 1,
      ...values,
    });
  }

  startExporter(index: number): void {
    const port = this.#port("exporter", index);
    this.#start(`exporter-${index}`, "exporter", {
      ...this.place,
      data: join(this.folder, `exporter-${index}`),
      config: join(this.folder, "exporter.yaml"),
      listen: `127.0.0.1:${port}`,
      http: `127.0.0.1:${port + 1}`,
    });
  }

  /** Collector `bcs-collector-shop-<index>` of TEST/shop; one of `http` knows nothing but the services. */
  startCollector(index: number, source: "file" | "http", services: number): void {
    const name = `bcs-collector-shop-${index}`;
    const urls = Array.from({ length: services }, (_, service) => this.serviceUrl(service)).join(",");
    this.#start(name, "collector", {
      cluster: "TEST",
      namespace: "shop",
      data: join(this.folder, name),
      http: "127.0.0.1:0",
      frequencyMin: 1,
      configSource: source,
      ...source === "file" ? this.place : { service: urls },
    });
  }

  /** Ends a process with SIGKILL. */
  async kill(name: string): Promise<void> {
    const child = this.#take(name);
    process.kill(child.pid, "SIGKILL");
    await child.ended;
  }

  /** Starts one again that was killed or stopped, with the same arguments. */
  restart(name: string): void {
    const start = this.#starts.get(name);
    if (start === undefined) throw new Error(`Cannot start "${name}" again: it never ran`);
    this.#running.set(name, start());
  }

  /** Ends a process with SIGTERM and returns its exit code. */
  async stop(name: string): Promise<number | null> {
    return (await this.#take(name).stop(graceMs)).code;
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.volume, path)), { recursive: true });
    await writeFile(join(this.volume, path), text);
  }

  /** Ends all that runs, and removes the folder; `release` is called between. */
  async end(release: () => void | Promise<void> = () => {}): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.stop(name)));
    await release();
    await rm(this.folder, { recursive: true });
  }

  #start(name: string, command: string, values: Parameters<typeof writeArguments>[0]): void {
    const log = join(this.folder, `${name}.log`);
    this.#starts.set(name, () => startCommand([command, ...writeArguments({ name, ...values })], log));
    this.restart(name);
  }

  #take(name: string): Child {
    const child = this.#running.get(name);
    if (child === undefined) throw new Error(`Cannot end "${name}": it does not run`);
    this.#running.delete(name);
    return child;
  }

  #port(kind: "service" | "exporter", index: number): number {
    if (index >= kindMax) throw new Error(`Cannot give ${kind} ${index} a port: at most ${kindMax} of a kind`);
    return this.#firstPort + (kind === "service" ? index : kindMax + 2 * index);
  }
}

const kindMax = 3;
const portsMax = 3 * kindMax;
