/** Many probes through one exporter: targets that share an address, and differ in what they ask for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptySnapshot } from "../discovery/discovery.ts";
import { targetRows } from "../health/target_rows.ts";
import { Sources } from "../targets/sources.ts";
import { carriedOut, documentOf } from "../testing/collections.ts";
import { collectorOf, metricOf, podOf } from "../testing/documents.ts";
import { reconcile } from "./reconcile.ts";
import type { Plan, StoredCollection, View } from "./view.ts";

const startMs = 1_800_000_000_000;
const blackbox = "10.9.9.9:9115";
const probes = metricOf("probe", {
  uri: "/probe",
  parameters: { module: "tcp" },
  relabelings: [
    { sourceLabels: ["__address__"], targetLabel: "__param_target" },
    { sourceLabels: ["__address__"], targetLabel: "instance" },
    { targetLabel: "__address__", replacement: blackbox },
  ],
});

/** A namespace with so many probed pods whose collectors are alive and confirm everything. */
function viewOf(pods: number, replicas: number, files: readonly StoredCollection[] = [], before?: Plan): View {
  return {
    metrics: [probes],
    collectors: [collectorOf("w", replicas)],
    collections: files,
    sources: new Sources([{
      ...emptySnapshot,
      pods: Array.from({ length: pods }, (_, index) => podOf(`pod-${index}`, { ip: `10.0.0.${index + 1}` })),
    }]),
    unreadable: [],
    synced: true,
    previous: before?.namespaces ?? [],
    generations: new Map(),
    reports: {
      isAlive: () => true,
      statusOf: (_cluster, _namespace, collector) => ({
        collector,
        generation: files.filter(({ name }) => name === collector).map((file) => documentOf(file).spec.generation)[0]
          ?? 0,
        reportedAtMs: 0,
        targets: targetsAt(files, collector).map((target) => ({
          metric: "probe",
          address: blackbox,
          pod: "",
          endpoint: `${blackbox}?module=tcp&target=${encodeURIComponent(target)}`,
          health: target.startsWith("10.0.0.1:") ? "up" as const : "down" as const,
          lastScrapeMs: 1,
          durationMs: 1,
          samples: 1,
          error: "",
        })),
      }),
    },
  };
}

/** What each collector probes, by the `target` that it asks for. */
function targetsAt(files: readonly StoredCollection[], collector: string): string[] {
  return files.filter(({ name }) => name === collector)
    .flatMap((file) => documentOf(file).spec.metrics)
    .flatMap(({ targets }) => targets.map(({ parameters }) => parameters?.["target"] ?? ""));
}

function targetsIn(files: readonly StoredCollection[]) {
  return files.flatMap((file) => documentOf(file).spec.metrics.flatMap(({ targets }) => targets));
}

test("probes through one exporter are targets of their own, divided and handed over like others", () => {
  const plan = reconcile(viewOf(4, 1), startMs);
  const one = carriedOut(plan);
  assert.deepEqual(targetsAt(one, "w-0"), ["10.0.0.1:9100", "10.0.0.2:9100", "10.0.0.3:9100", "10.0.0.4:9100"]);
  const moments = new Map<string, Set<number | undefined>>();
  let [files, before] = [one, plan];
  for (let nowMs = startMs; nowMs < startMs + 60_000; nowMs += 1000) {
    before = reconcile(viewOf(4, 2, files, before), nowMs);
    files = carriedOut(before, files);
    for (
      const { parameters, fromMs, untilMs } of targetsIn(files).filter((target) => target.fromMs ?? target.untilMs)
    ) {
      const target = parameters?.["target"] ?? "";
      moments.set(target, (moments.get(target) ?? new Set()).add(fromMs ?? untilMs));
    }
  }
  assert.deepEqual([targetsAt(files, "w-0").length, targetsAt(files, "w-1").length], [2, 2]);
  // The two that moved did so at one moment each, which both owners knew.
  assert.deepEqual([...moments.values()].map(({ size }) => size), [1, 1]);
  assert.deepEqual([...moments.keys()].toSorted(), targetsAt(files, "w-1").toSorted());
});

test("a probe more changes nothing for the others", () => {
  const plan = reconcile(viewOf(1, 1), startMs);
  const one = carriedOut(plan);
  const more = carriedOut(reconcile(viewOf(2, 1, one, plan), startMs + 1000), one);
  const addedIn = (files: readonly StoredCollection[]) => targetsIn(files).map((target) => target.addedIn);
  assert.deepEqual([addedIn(one), addedIn(more)], [[1], [1, 2]]);
});

test("each probe shows what its collector tells of it", () => {
  const files = carriedOut(reconcile(viewOf(2, 1), startMs));
  const view = viewOf(2, 1, files);
  const rows = targetRows(reconcile(view, startMs).namespaces, view.reports);
  assert.deepEqual(rows.map(({ address, endpoint, pod, health }) => [address, endpoint, pod, health]), [
    [blackbox, `${blackbox}?module=tcp&target=10.0.0.1%3A9100`, "pod-0", "up"],
    [blackbox, `${blackbox}?module=tcp&target=10.0.0.2%3A9100`, "pod-1", "down"],
  ]);
});
