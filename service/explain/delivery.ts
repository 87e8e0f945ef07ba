import type { RegistryRecord } from "../../core/registry/records.ts";
import type { OriginLedger, ServiceLedger } from "../../core/telemetry/ledger_answer.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import type { Step } from "./explanation.ts";

/** What exporters that were just asked know of the records of collectors. */
export type DeliveryView = Pick<ServiceLedger, "exporters" | "unreachable">;

/**
 * Where the last scrape of a target is: at its collector, or at an exporter and with which of its sinks. Where that is
 * not known, what the collector as a whole holds.
 *
 * @param asked null when no exporter was asked.
 */
export function deliveryStep(
  row: TargetRow,
  collector: CollectorRow,
  exporters: readonly RegistryRecord[],
  asked: DeliveryView | null,
): Step {
  const { lastRecord } = row;
  const step = lastRecord === null || asked === null ? null : recordStep(row, lastRecord, asked);
  return step ?? collectorStep(collector, exporters, asked);
}

type LastRecord = NonNullable<TargetRow["lastRecord"]>;

interface Holder {
  readonly exporter: string;
  readonly origin: OriginLedger;
}

/** Null when no exporter that answered knows the collector's records. */
function recordStep(row: TargetRow, { epoch, sequence }: LastRecord, asked: DeliveryView): Step | null {
  const known = asked.exporters.flatMap(({ exporter, origins = [] }): Holder[] =>
    origins.filter((origin) =>
      origin.cluster === row.cluster && origin.namespace === row.namespace && origin.name === row.collector
      && origin.epoch === epoch
    ).map((origin) => ({ exporter, origin }))
  );
  if (known.length === 0) return null;
  // A collector that moved to another exporter went on where the former one ended: the lowest that reaches has it.
  const [holder] = known.filter(({ origin }) => origin.acknowledged >= sequence)
    .toSorted((a, b) => a.origin.acknowledged - b.origin.acknowledged);
  const record = `its last scrape, record ${sequence} of ${row.collector},`;
  if (holder === undefined) {
    const detail = `${record} waits at the collector for an exporter's acknowledgement${unreachable(asked)}`;
    return { step: "delivery", ok: null, detail };
  }
  const fates = holder.origin.sinks.map((sink) => fateAt(sink, sequence));
  const ok = fates.some((fate) => fate.ok === false) ? false : fates.some((fate) => fate.ok === null) ? null : true;
  const sinks = fates.length === 0 ? "which has no sinks" : fates.map(({ text }) => text).join(", ");
  return { step: "delivery", ok, detail: `${record} is in the log of ${holder.exporter}: ${sinks}` };
}

function fateAt(
  { name, settled, lost }: OriginLedger["sinks"][number],
  sequence: number,
): { readonly ok: boolean | null; readonly text: string } {
  const loss = lost.find(({ firstSequence, lastSequence }) => firstSequence <= sequence && sequence <= lastSequence);
  if (loss !== undefined) return { ok: false, text: `lost for sink ${name} (${loss.reason})` };
  if (settled === null) return { ok: null, text: `not known of sink ${name}` };
  return settled >= sequence
    ? { ok: true, text: `sink ${name} is done with it` }
    : { ok: null, text: `held for sink ${name}` };
}

function collectorStep(
  collector: CollectorRow,
  exporters: readonly RegistryRecord[],
  asked: DeliveryView | null,
): Step {
  const held = collector.load["unacknowledgedRecords"];
  const shown = `${exportersOf(exporters)}${asked === null ? "" : unreachable(asked)}`;
  if (held === undefined) {
    return { step: "delivery", ok: null, detail: `the collector does not tell what it holds; ${shown}` };
  }
  if (held > 0) {
    const detail = `${held} records of the collector wait for an acknowledgement; ${shown}`;
    return { step: "delivery", ok: exporters.length === 0 ? false : null, detail };
  }
  const detail = `an exporter has acknowledged everything that the collector sent; ${shown}; `
    + "whether each sink has taken it is not known here";
  return { step: "delivery", ok: true, detail };
}

function exportersOf(exporters: readonly RegistryRecord[]): string {
  if (exporters.length === 0) return "no exporter is in the registry";
  const lags = exporters.flatMap(({ load }) => load["lagBytes"] ?? []);
  const behind = lags.length === 0 ? "" : `, the slowest sink ${Math.max(...lags)} bytes behind`;
  return `${exporters.length} ${exporters.length === 1 ? "exporter" : "exporters"} in the registry${behind}`;
}

function unreachable({ unreachable: silent }: DeliveryView): string {
  if (silent.length === 0) return "";
  return `; ${silent.map(({ exporter, reason }) => `${exporter} cannot be asked (${reason})`).join(", ")}`;
}
