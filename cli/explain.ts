import { z } from "zod";
import { OptionError, readOptions } from "../core/options.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Output, terminal } from "./group.ts";
import { formatOutput, formatTable, outputOption, printable } from "./output.ts";
import { placeOptions } from "./place.ts";

const text = z.string().min(1, { error: "must not be empty" }).optional();
const options = {
  pod: { value: "POD", help: "explain this pod", schema: text },
  target: { value: "HOST:PORT", help: "explain this address", schema: text },
  metric: { value: "METRIC", help: "explain this metric", schema: text },
  ...placeOptions,
  output: outputOption,
  ...clientOptions,
} as const;

const explanationSchema = z.looseObject({
  ok: z.boolean().nullable(),
  verdict: z.string(),
  chains: z.array(z.looseObject({
    cluster: z.string(),
    namespace: z.string(),
    metric: z.string(),
    pod: z.string(),
    address: z.string(),
    ok: z.boolean().nullable(),
    steps: z.array(z.looseObject({ step: z.string(), ok: z.boolean().nullable(), detail: z.string() })),
  })),
  chainsOmitted: z.number(),
  nearMisses: z.array(
    z.looseObject({ namespace: z.string(), metric: z.string(), pod: z.string(), reason: z.string() }),
  ),
  nearMissesOmitted: z.number(),
});
type Explanation = z.output<typeof explanationSchema>;

/** Chains with trouble that people are shown, since those of one metric look alike. Without any, one is enough. */
const chainsShownMax = 5;

/** `bcs-metric explain`: prints why something is scraped or not. Returns the exit code: 0 when there is an answer. */
export async function explainCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const summary = "Explains why a pod, an address or a metric is scraped or not: each step from the definition to the "
    + "delivery, and what is almost right where it breaks.";
  const { values } = await readOptions({ name: "explain", summary, options }, argv, process.env);
  const { pod, target, metric, cluster, namespace } = values;
  if ([pod, target, metric].filter((one) => one !== undefined).length !== 1) {
    throw new OptionError("Cannot tell what to explain: give one of --pod, --target and --metric");
  }
  const query = { pod, target, metric, cluster, namespace };
  const explanation = await getJson(values, "/v1/explain", query, explanationSchema);
  output.print(formatOutput(values.output, explanation, () => explanationText(explanation)));
  return 0;
}

/** The verdict, the steps of the first chains, and the near misses. */
export function explanationText(explanation: Explanation): string {
  const troubled = explanation.chains.filter(({ ok }) => ok !== true);
  const chains = troubled.length === 0 ? explanation.chains.slice(0, 1) : troubled.slice(0, chainsShownMax);
  const more = explanation.chains.length - chains.length + explanation.chainsOmitted;
  const parts = [
    `${printable(explanation.verdict)}\n`,
    ...chains.map(chainText),
    ...(more === 0 ? [] : [`and ${more} more instances\n`]),
    ...(explanation.nearMisses.length === 0 ? [] : [nearMissesText(explanation)]),
  ];
  return parts.join("\n");
}

function chainText({ cluster, namespace, metric, pod, address, steps }: Explanation["chains"][number]): string {
  const instance = [pod, address].filter((one) => one !== "").join(" at ");
  const title = `${cluster}/${namespace}/${metric}${instance === "" ? "" : `, ${instance}`}`;
  const lines = steps.map(({ step, ok, detail }) => `  ${markOf(ok)} ${step.padEnd(12)} ${printable(detail)}\n`);
  return `${printable(title)}\n${lines.join("")}`;
}

function nearMissesText({ nearMisses, nearMissesOmitted }: Explanation): string {
  const table = formatTable([
    { title: "NEARLY", text: ({ pod }) => pod },
    { title: "METRIC", text: ({ namespace, metric }) => `${namespace}/${metric}` },
    { title: "BUT", text: ({ reason }) => reason },
  ], nearMisses);
  return nearMissesOmitted === 0 ? table : `${table}and ${nearMissesOmitted} more\n`;
}

function markOf(ok: boolean | null): string {
  return ok === null ? "?   " : ok ? "ok  " : "FAIL";
}
