import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { readDocument } from "../core/config/document.ts";
import { ServiceFolder } from "./testing/service_process.ts";

let folder: ServiceFolder;

beforeEach(async () => {
  folder = await ServiceFolder.make();
});
afterEach(() => folder.remove());

interface CollectorRow {
  readonly name: string;
  readonly pid: number;
  readonly state: string;
  readonly restarts: number;
}

async function writeMetric(): Promise<void> {
  const place = join(folder.root, "volume", "c1", "metric", "shop");
  await mkdir(place, { recursive: true });
  const metadata = { clusterId: "c1", namespace: "shop", name: "cart" };
  const spec = { version: "1", port: 9, uri: "/metrics" };
  const text = JSON.stringify({ apiVersion: "bcs-metric/v1", kind: "Metric", metadata, spec });
  await writeFile(join(place, "cart.yaml"), text);
}

/** Resolves with the first collector that is as wanted. */
function collector(url: string, wanted: (row: CollectorRow) => boolean): Promise<CollectorRow> {
  return folder.eventually(async () => {
    const answer = await fetch(`${url}/v1/collectors`);
    const { collectors } = await answer.json() as { collectors: CollectorRow[] };
    return collectors.find(wanted);
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "ESRCH");
    return false;
  }
}

test("a killed collector is started again; a killed service takes its collectors along and leaves no half-written file", async () => {
  await writeMetric();
  const service = folder.start();
  const url = await folder.url();
  const first = await collector(url, (row) => row.state === "running");
  assert.equal(first.name, "bcs-collector-shop-0");
  process.kill(first.pid, "SIGKILL");
  const second = await collector(url, (row) => row.restarts === 1 && row.state === "running");
  assert.notEqual(second.pid, first.pid);

  process.kill(service.pid, "SIGKILL");
  assert.equal((await service.ended).signal, "SIGKILL");
  await folder.eventually(() => Promise.resolve(isRunning(second.pid) ? undefined : true));

  const collections = join(folder.root, "volume", "c1", "collection", "shop");
  assert.deepEqual(await readdir(collections), ["bcs-collector-shop-0.yaml"]);
  const text = await readFile(join(collections, "bcs-collector-shop-0.yaml"), "utf8");
  const path = "c1/collection/shop/bcs-collector-shop-0.yaml";
  assert.ok(readDocument(path, text, { frequencyMinSeconds: 60 }).ok);
});
