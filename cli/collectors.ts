import { z } from "zod";
import { readOptions } from "../core/options.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Output, terminal } from "./group.ts";
import { type Column, formatAge, formatOutput, formatTable, outputOption, rowSelectorOption } from "./output.ts";
import { placeOptions } from "./place.ts";

const definition = {
  name: "collectors",
  summary: "Lists the collectors with state, targets, load and applied generation, and how their workloads stand.",
  options: { ...placeOptions, selector: rowSelectorOption, output: outputOption, ...clientOptions },
} as const;

const listSchema = z.object({
  collectors: z.array(z.looseObject({
    cluster: z.string(),
    namespace: z.string(),
    name: z.string(),
    state: z.string(),
    alive: z.boolean(),
    renewedAtMs: z.number(),
    restarts: z.number(),
    lastEnd: z.string(),
    targets: z.number(),
    appliedGeneration: z.number(),
    load: z.record(z.string(), z.number()),
  })),
});
const workloadsSchema = z.object({
  workloads: z.array(z.looseObject({
    cluster: z.string(),
    namespace: z.string(),
    name: z.string(),
    state: z.string(),
    image: z.string(),
    replicasWished: z.number().nullable(),
    replicasApplied: z.number().nullable(),
    replicasFound: z.number().nullable(),
    driftPolicy: z.string(),
    drift: z.array(z.object({ field: z.string(), applied: z.string(), found: z.string() })),
    problem: z.string(),
    nextTryMs: z.number(),
  })),
});
const statusSchema = z.object({ leader: z.looseObject({ leading: z.boolean(), leader: z.string() }) });
type WorkloadRow = z.output<typeof workloadsSchema>["workloads"][number];
type Collector = z.output<typeof listSchema>["collectors"][number];

/** `bcs-metric collectors`: prints the collectors that a service knows. Returns the exit code. */
export async function collectorsCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const { values } = await readOptions(definition, argv, process.env);
  const { cluster, namespace, selector: labelSelector } = values;
  const { collectors } = await getJson(values, "/v1/collectors", { cluster, namespace, labelSelector }, listSchema);
  // A selector is about collectors: what it leaves out says nothing of their workloads.
  const { workloads } = labelSelector === undefined
    ? await getJson(values, "/v1/workloads", { cluster, namespace }, workloadsSchema)
    : { workloads: [] };
  const shown = { collectors, ...workloads.length === 0 ? {} : { workloads } };
  // None are known where there are none, and to a service that does not lead.
  const isAsked = labelSelector === undefined && workloads.length === 0 && values.output === "table";
  const leader = isAsked ? (await getJson(values, "/v1/status", {}, statusSchema)).leader : null;
  output.print(formatOutput(values.output, shown, () => {
    const tables = [collectorTable(collectors, systemEnv.clock.wallMs())];
    if (workloads.length > 0) tables.push(workloadTable(workloads, systemEnv.clock.wallMs()));
    if (leader?.leading === false) tables.push(elsewhereText(leader.leader));
    return tables.join("\n");
  }));
  return 0;
}

function elsewhereText(leader: string): string {
  if (leader === "") return "No service leads now: how the workloads stand is known to none.\n";
  return `How the workloads stand is known to the service that leads, ${leader}: ask it with --server.\n`;
}

/** The clusters are shown only where there are several. */
export function collectorTable(collectors: readonly Collector[], nowMs: number): string {
  const clusters = new Set(collectors.map(({ cluster }) => cluster));
  const columns = collectorColumns(nowMs);
  return formatTable(clusters.size > 1 ? [clusterColumn, ...columns] : columns, collectors);
}

/** Replicas as they are wished, were applied last, and are there now; what was changed by hand; what is wrong. */
export function workloadTable(workloads: readonly WorkloadRow[], nowMs: number): string {
  const replicas = (count: number | null) => count === null ? "-" : String(count);
  const columns: Column<WorkloadRow>[] = [
    { title: "NAMESPACE", text: ({ namespace }) => namespace },
    { title: "WORKLOAD", text: ({ name }) => name },
    { title: "STATE", text: ({ state }) => state },
    { title: "WISHED", align: "right", text: ({ replicasWished }) => replicas(replicasWished) },
    { title: "APPLIED", align: "right", text: ({ replicasApplied }) => replicas(replicasApplied) },
    { title: "FOUND", align: "right", text: ({ replicasFound }) => replicas(replicasFound) },
    { title: "IMAGE", text: ({ image }) => image },
    { title: "DRIFT", text: ({ drift }) => drift.map(({ field }) => field).join(",") },
    {
      title: "PROBLEM",
      text: ({ problem, nextTryMs }) =>
        nextTryMs > nowMs && problem !== "" ? `${problem} (again in ${formatAge(nextTryMs - nowMs)})` : problem,
    },
  ];
  const clusters = new Set(workloads.map(({ cluster }) => cluster));
  const cluster: Column<WorkloadRow> = { title: "CLUSTER", text: (row) => row.cluster };
  return formatTable(clusters.size > 1 ? [cluster, ...columns] : columns, workloads);
}

const clusterColumn: Column<Collector> = { title: "CLUSTER", text: ({ cluster }) => cluster };

function collectorColumns(nowMs: number): Column<Collector>[] {
  return [
    { title: "NAMESPACE", text: ({ namespace }) => namespace },
    { title: "NAME", text: ({ name }) => name },
    { title: "STATE", text: ({ state }) => state },
    { title: "ALIVE", text: ({ alive }) => alive ? "yes" : "no" },
    {
      title: "SEEN",
      align: "right",
      text: ({ alive, renewedAtMs }) => alive ? formatAge(nowMs - renewedAtMs) : "",
    },
    { title: "TARGETS", align: "right", text: ({ targets }) => String(targets) },
    { title: "GENERATION", align: "right", text: ({ appliedGeneration }) => String(appliedGeneration) },
    { title: "SAMPLES/S", align: "right", text: ({ load }) => loadText(load["samplesPerSecond"]) },
    { title: "UNACKED", align: "right", text: ({ load }) => loadText(load["unacknowledgedRecords"]) },
    { title: "RESTARTS", align: "right", text: ({ restarts }) => String(restarts) },
    { title: "LAST END", text: ({ lastEnd }) => lastEnd },
  ];
}

function loadText(value: number | undefined): string {
  return value === undefined ? "" : String(Math.round(value));
}
