import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CollectionTarget } from "../../core/config/schema.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { openVolume } from "../../core/store/volume_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { type Collector, startCollector } from "../collector.ts";
import { storeSurroundings } from "../surroundings.ts";
import { collectionPath, collectionText, testMetric } from "./collections.ts";
import { startTestExporter, type TestExporter } from "./test_exporter.ts";

export const identity = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0" };

/** What a test of a running collector needs, all of it undone by `clean`, last first. */
export class Bench {
  #undo: (() => unknown)[] = [];

  defer(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async clean(): Promise<void> {
    const undo = this.#undo.toReversed();
    this.#undo = [];
    for (const one of undo) await one();
  }

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), "bcs-metric-collector-"));
    this.defer(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  async exporter(): Promise<TestExporter> {
    const exporter = await startTestExporter();
    this.defer(() => exporter.close());
    return exporter;
  }

  /** The address of a target that exposes `body`. */
  async target(body: string): Promise<string> {
    const server = await serveTarget((_request, response) => {
      response.setHeader("content-type", "text/plain; version=0.0.4").end(body);
    });
    this.defer(() => server.close());
    return server.address;
  }

  async collector(
    { volume, data, exporter = "" }: { readonly volume: string; readonly data?: string; readonly exporter?: string },
  ): Promise<Collector> {
    const log = makeLogger("test", "silent");
    const collector = await startCollector({
      identity,
      data: data ?? await this.folder(),
      http: { host: "127.0.0.1", port: 0 },
      exporter,
      frequencyMinSeconds: 1,
      token: "secret",
      version: "0.1.0",
      open: async () => {
        const store = await openVolume({ root: volume, env: systemEnv, log, rescanMs: 200 });
        return storeSurroundings({ store, identity, clock: systemEnv.clock, log });
      },
      env: systemEnv,
      log,
    });
    this.defer(() => collector.stop());
    return collector;
  }
}

/** Writes a collection with one metric, scraped every second, onto the volume. */
export async function assign(
  volume: string,
  generation: number,
  targets: readonly Partial<CollectionTarget>[],
): Promise<void> {
  const metrics = [testMetric({ frequency: 1, timeout: 1 }, targets)];
  await write(volume, collectionPath, collectionText({ generation, metrics }));
}

export async function write(volume: string, path: string, text: string): Promise<void> {
  const whole = join(volume, path);
  await mkdir(dirname(whole), { recursive: true });
  await writeFile(`${whole}.new.tmp`, text);
  await rename(`${whole}.new.tmp`, whole);
}

export async function get(collector: Collector, path: string): Promise<{ status: number; text: string }> {
  const { host, port } = collector.httpAddress;
  const response = await fetch(`http://${host}:${port}${path}`);
  return { status: response.status, text: await response.text() };
}

/** Asks again and again until the answer is what is looked for. */
export async function eventually<T>(ask: () => Promise<T>, matches: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 4000;
  for (;;) {
    const answer = await ask();
    if (matches(answer)) return answer;
    assert.ok(performance.now() < deadline, `still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
