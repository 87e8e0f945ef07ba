import { z } from "zod";
import { readOptions } from "../core/options.ts";
import {
  addsUp,
  exporterLedger,
  type ServiceLedger,
  serviceLedger,
  type SinkTotal,
  totalsOf,
} from "../core/telemetry/ledger_answer.ts";
import { clientOptions, getJson } from "./client.ts";
import { type Output, terminal } from "./group.ts";
import { type Column, formatOutput, formatTable, outputOption, printable } from "./output.ts";

const definition = {
  name: "ledger",
  summary: "Shows for every sink what became of each record, and whether the sums agree; exit code 1 when not.",
  options: {
    output: outputOption,
    exporter: {
      value: "URL",
      help: "ask this exporter instead of a service, such as http://127.0.0.1:7072",
      schema: z.url({ protocol: /^https?$/, error: "must be a URL, such as http://127.0.0.1:7072" }).optional(),
    },
    ...clientOptions,
  },
} as const;

/** `bcs-metric ledger`. Returns 1 when something does not add up, or an exporter could not be asked. */
export async function ledgerCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const { values } = await readOptions(definition, argv, process.env);
  if (values.exporter !== undefined) {
    const ledger = await getJson({ ...values, server: values.exporter }, "/v1/ledger", {}, exporterLedger);
    const totals = totalsOf([ledger]);
    output.print(formatOutput(values.output, ledger, () => formatTable(columns, totals)));
    return complain(output, { sinks: totals, balanced: ledger.balanced, unreachable: [], collectors: [] });
  }
  const ledger = await getJson(values, "/v1/ledger", {}, serviceLedger);
  output.print(formatOutput(values.output, ledger, () => formatTable(columns, ledger.sinks)));
  return complain(output, ledger);
}

const columns: readonly Column<SinkTotal>[] = [
  { title: "SINK", text: ({ name }) => name },
  ...numberColumns("taken", "delivered", "rejected", "notCarried", "notRouted", "lost", "held"),
  { title: "BALANCED", text: (sink) => sink.balanced && addsUp(sink) ? "yes" : "NO" },
  ...numberColumns("declared"),
];

function numberColumns(...names: readonly Exclude<keyof SinkTotal, "name" | "balanced">[]): Column<SinkTotal>[] {
  return names.map((name) => {
    const title = name === "declared" ? "LOST BEFORE" : name.replace(/[A-Z]/, " $&").toUpperCase();
    return { title, align: "right", text: (sink) => String(sink[name]) };
  });
}

/** Says what does not add up, or is not known. Returns the exit code. */
function complain(
  output: Output,
  { sinks, balanced, unreachable, collectors }: Pick<
    ServiceLedger,
    "balanced" | "collectors" | "sinks" | "unreachable"
  >,
): number {
  const wrong = sinks.filter((sink) => !sink.balanced || !addsUp(sink));
  for (const { name } of wrong) output.complain(`bcs-metric: the sums of sink "${printable(name)}" do not agree`);
  for (const { collector } of collectors.filter((one) => !one.balanced)) {
    output.complain(`bcs-metric: the sums of collector "${printable(collector)}" do not agree`);
  }
  for (const { exporter, reason } of unreachable) {
    output.complain(`bcs-metric: Cannot ask exporter "${printable(exporter)}": ${printable(reason)}`);
  }
  return balanced && wrong.length === 0 && unreachable.length === 0 ? 0 : 1;
}
