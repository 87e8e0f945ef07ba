import { z } from "zod";
import { readOptions } from "../core/options.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Output, terminal } from "./group.ts";
import { type Column, formatAge, formatOutput, formatTable, outputOption, rowSelectorOption } from "./output.ts";
import { placeOptions } from "./place.ts";

const definition = {
  name: "collectors",
  summary: "Lists the collectors with their state, targets, load and the generation that each has applied.",
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
type Collector = z.output<typeof listSchema>["collectors"][number];

/** `bcs-metric collectors`: prints the collectors that a service knows. Returns the exit code. */
export async function collectorsCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const { values } = await readOptions(definition, argv, process.env);
  const { cluster, namespace, selector: labelSelector } = values;
  const { collectors } = await getJson(values, "/v1/collectors", { cluster, namespace, labelSelector }, listSchema);
  output.print(formatOutput(values.output, { collectors }, () => collectorTable(collectors, systemEnv.clock.wallMs())));
  return 0;
}

/** The clusters are shown only where there are several. */
export function collectorTable(collectors: readonly Collector[], nowMs: number): string {
  const clusters = new Set(collectors.map(({ cluster }) => cluster));
  const columns = collectorColumns(nowMs);
  return formatTable(clusters.size > 1 ? [clusterColumn, ...columns] : columns, collectors);
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
