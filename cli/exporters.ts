import { z } from "zod";
import { readOptions } from "../core/options.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Output, terminal } from "./group.ts";
import { formatAge, formatOutput, formatTable, outputOption, rowSelectorOption } from "./output.ts";

const definition = {
  name: "exporters",
  summary: "Lists the exporters with their address and load.",
  options: { selector: rowSelectorOption, output: outputOption, ...clientOptions },
} as const;

const listSchema = z.object({
  exporters: z.array(z.looseObject({
    id: z.string(),
    ip: z.string(),
    port: z.number(),
    hostname: z.string(),
    version: z.string(),
    renewedAtMs: z.number(),
    load: z.record(z.string(), z.number()),
  })),
});
type Exporter = z.output<typeof listSchema>["exporters"][number];

/** `bcs-metric exporters`: prints the exporters that a service knows. Returns the exit code. */
export async function exportersCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const { values } = await readOptions(definition, argv, process.env);
  const list = await getJson(values, "/v1/exporters", { labelSelector: values.selector }, listSchema);
  output.print(formatOutput(values.output, list, () => exporterTable(list.exporters, systemEnv.clock.wallMs())));
  return 0;
}

export function exporterTable(exporters: readonly Exporter[], nowMs: number): string {
  return formatTable([
    { title: "NAME", text: ({ id }) => id },
    { title: "FRAMES AT", text: ({ ip, port }) => `${ip.includes(":") ? `[${ip}]` : ip}:${port}` },
    { title: "HOST", text: ({ hostname }) => hostname },
    { title: "VERSION", text: ({ version }) => version },
    { title: "SEEN", align: "right", text: ({ renewedAtMs }) => formatAge(nowMs - renewedAtMs) },
    { title: "CONNECTIONS", align: "right", text: ({ load }) => loadText(load["connections"]) },
    { title: "BYTES/S", align: "right", text: ({ load }) => loadText(load["bytesPerSecond"]) },
    { title: "LAG BYTES", align: "right", text: ({ load }) => loadText(load["lagBytes"]) },
    { title: "WAL BYTES", align: "right", text: ({ load }) => loadText(load["walBytes"]) },
  ], exporters);
}

function loadText(value: number | undefined): string {
  return value === undefined ? "" : String(Math.round(value));
}
