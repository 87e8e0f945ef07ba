import { z } from "zod";
import { type OptionDefinitions, readOptions } from "../core/options.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Column, formatAge, formatOutput, formatTable, outputOption, rowSelectorOption } from "./output.ts";

const name = z.string().min(1, { error: "must not be empty" }).optional();
const healths = ["up", "down", "unknown", "unresolved"] as const;

const options = {
  cluster: { value: "CLUSTER", help: "only those of this cluster", schema: name },
  namespace: { value: "NAMESPACE", help: "only those of this namespace", schema: name },
  metric: { value: "METRIC", help: "only those of this metric", schema: name },
  collector: { value: "COLLECTOR", help: "only those of this collector", schema: name },
  health: { value: healths.join("|"), help: "only those of this health", schema: z.enum(healths).optional() },
  selector: rowSelectorOption,
  output: outputOption,
  ...clientOptions,
} as const satisfies OptionDefinitions;

const definition = {
  name: "targets",
  summary: "Lists the targets with their health, owner and last error, and why something selected is not scraped.",
  options,
} as const;

const targetList = z.object({
  targets: z.array(z.looseObject({
    cluster: z.string(),
    namespace: z.string(),
    metric: z.string(),
    address: z.string(),
    pod: z.string(),
    endpoint: z.string().optional(),
    collector: z.string(),
    movesTo: z.object({ collector: z.string(), atMs: z.number() }).nullish(),
    health: z.string(),
    error: z.string(),
    lastScrapeMs: z.number(),
    samples: z.number(),
  })),
});

type Target = z.output<typeof targetList>["targets"][number];

/**
 * `bcs-metric targets`: prints the targets that a service knows, by default on standard output. Returns the exit code.
 * @throws UserError when the service cannot be asked, OptionError or HelpShown as every command.
 */
export async function targetsCommand(
  argv: readonly string[],
  print: (text: string) => void = (text) => void process.stdout.write(text),
): Promise<number> {
  const { values } = await readOptions(definition, argv, process.env);
  const { output, server, token, selector: labelSelector, ...filter } = values;
  const list = await getJson({ server, token }, "/v1/targets", { ...filter, labelSelector }, targetList);
  print(formatOutput(output, list, () => targetTable(list.targets, systemEnv.clock.wallMs())));
  return 0;
}

/** The clusters are shown only where there are several. */
export function targetTable(targets: readonly Target[], nowMs: number): string {
  const clusters = new Set(targets.map((target) => target.cluster));
  const columns = targetColumns(nowMs);
  return formatTable(clusters.size > 1 ? [clusterColumn, ...columns] : columns, targets);
}

const clusterColumn: Column<Target> = { title: "CLUSTER", text: (target) => target.cluster };

function targetColumns(nowMs: number): Column<Target>[] {
  const scraped = (target: Target) => target.lastScrapeMs > 0;
  return [
    { title: "NAMESPACE", text: (target) => target.namespace },
    { title: "METRIC", text: (target) => target.metric },
    { title: "TARGET", text: ({ address, endpoint }) => endpoint ?? address },
    { title: "POD", text: (target) => target.pod },
    { title: "COLLECTOR", text: (target) => ownerText(target, nowMs) },
    { title: "HEALTH", text: (target) => target.health },
    {
      title: "LAST",
      align: "right",
      text: (target) => scraped(target) ? formatAge(nowMs - target.lastScrapeMs) : "",
    },
    { title: "SAMPLES", align: "right", text: (target) => scraped(target) ? String(target.samples) : "" },
    { title: "ERROR", text: (target) => target.error },
  ];
}

/** Who scrapes it, and who will. */
function ownerText({ collector, movesTo }: Target, nowMs: number): string {
  if (movesTo === undefined || movesTo === null) return collector;
  return `${collector}, then ${movesTo.collector} in ${formatAge(movesTo.atMs - nowMs)}`;
}
