import { z } from "zod";

/** The answers of `/v1/ledger`, of an exporter and of a service, as whoever asks for them reads them. */

const count = z.number();
const tally = z.object({ entries: count, samples: count });
const nullableTime = z.number().nullable();

export const sinkLedger = z.looseObject({
  name: z.string(),
  type: z.string(),
  taken: count,
  delivered: tally,
  rejected: tally,
  notCarried: tally,
  notRouted: tally,
  lost: tally,
  held: count,
  declared: tally,
  balanced: z.boolean(),
  oldestHeldMs: nullableTime,
  alarm: z.boolean(),
  lastError: z.string().nullable(),
});
export type SinkLedger = z.output<typeof sinkLedger>;

const originLedger = z.object({
  cluster: z.string(),
  namespace: z.string(),
  name: z.string(),
  epoch: z.string(),
  acknowledged: count,
  sinks: z.array(z.object({
    name: z.string(),
    settled: z.number().nullable(),
    lost: z.array(z.object({ firstSequence: count, lastSequence: count, reason: z.string() })),
  })),
});
export type OriginLedger = z.output<typeof originLedger>;

export const exporterLedger = z.looseObject({
  exporter: z.string(),
  nowMs: z.number(),
  logEntries: count,
  balanced: z.boolean(),
  sinks: z.array(sinkLedger),
  origins: z.array(originLedger).optional(),
});
export type ExporterLedger = z.output<typeof exporterLedger>;

const sinkTotal = z.object({
  name: z.string(),
  taken: count,
  delivered: count,
  rejected: count,
  notCarried: count,
  notRouted: count,
  lost: count,
  held: count,
  declared: count,
  balanced: z.boolean(),
});
export type SinkTotal = z.output<typeof sinkTotal>;

/** `GET /v1/ledger` of a service. */
export const serviceLedger = z.object({
  balanced: z.boolean().meta({ description: "Whether all sums agree, of those that could be asked." }),
  complete: z.boolean().meta({ description: "Whether every live exporter could be asked." }),
  sinks: z.array(sinkTotal).meta({ description: "By name, over all exporters that could be asked." }),
  exporters: z.array(exporterLedger),
  unreachable: z.array(z.object({ exporter: z.string(), reason: z.string() })),
  collectors: z.array(z.object({
    collector: z.string(),
    cluster: z.string(),
    namespace: z.string(),
    balanced: z.boolean(),
    books: z.record(z.string(), z.number()),
  })),
});
export type ServiceLedger = z.output<typeof serviceLedger>;

/** The books of sinks of one name added up, in entries. */
export function totalsOf(ledgers: readonly { readonly sinks: readonly SinkLedger[] }[]): SinkTotal[] {
  const totals = new Map<string, SinkTotal>();
  for (const sink of ledgers.flatMap(({ sinks }) => sinks)) {
    const known = totals.get(sink.name);
    totals.set(sink.name, {
      name: sink.name,
      taken: (known?.taken ?? 0) + sink.taken,
      delivered: (known?.delivered ?? 0) + sink.delivered.entries,
      rejected: (known?.rejected ?? 0) + sink.rejected.entries,
      notCarried: (known?.notCarried ?? 0) + sink.notCarried.entries,
      notRouted: (known?.notRouted ?? 0) + sink.notRouted.entries,
      lost: (known?.lost ?? 0) + sink.lost.entries,
      held: (known?.held ?? 0) + sink.held,
      declared: (known?.declared ?? 0) + sink.declared.entries,
      balanced: (known?.balanced ?? true) && sink.balanced,
    });
  }
  return [...totals.values()];
}

/** Whether what a sink shows adds up: whoever reads it need not believe its word. */
export function addsUp({ taken, delivered, rejected, notCarried, notRouted, lost, held }: SinkTotal): boolean {
  return taken === delivered + rejected + notCarried + notRouted + lost + held;
}
