import { causeMessageOf } from "../../core/errors.ts";
import type { LiveRecord } from "../../core/registry/records.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import {
  addsUp,
  type ExporterLedger,
  exporterLedger,
  type ServiceLedger,
  totalsOf,
} from "../../core/telemetry/ledger_answer.ts";

const askTimeoutMs = 2000;
const answerBytesMax = 16 * 1024 * 1024;

type Get = (url: string, init: RequestInit) => Promise<Response>;

export interface GatherDeps {
  exporters(): readonly LiveRecord[];
  collectors(): readonly LiveRecord[];
  /** What exporters that ask for a token are shown; "" for none. Default none. */
  readonly token?: () => string;
  /** Default: the runtime's. */
  readonly fetch?: Get;
}

/** `query` is handed on to the exporters, such as `?cluster=…`, "" for none. Never rejects. */
export async function gatherLedger(deps: GatherDeps, query: string): Promise<ServiceLedger> {
  const asked = await Promise.all(deps.exporters().map((record) => askExporter(record, query, deps)));
  const exporters = asked.flatMap((one) => "ledger" in one ? [one.ledger] : []);
  const unreachable = asked.flatMap((one) => "ledger" in one ? [] : [one]);
  const sinks = totalsOf(exporters);
  const collectors = deps.collectors().flatMap((record) => record.ledger === undefined ? [] : [collectorOf(record)]);
  const balanced = exporters.every((one) => one.balanced) && sinks.every(addsUp)
    && collectors.every((one) => one.balanced);
  return { balanced, complete: unreachable.length === 0, sinks, exporters, unreachable, collectors };
}

async function askExporter(
  { id, ip, metric_port: port, scheme }: LiveRecord,
  query: string,
  { fetch: get = fetch, token = () => "" }: GatherDeps,
): Promise<{ readonly ledger: ExporterLedger } | { readonly exporter: string; readonly reason: string }> {
  const url = `${scheme}://${formatAddress({ host: ip, port })}/v1/ledger${query}`;
  try {
    const headers: Record<string, string> = token() === "" ? {} : { authorization: `Bearer ${token()}` };
    const answer = await get(url, { headers, redirect: "error", signal: AbortSignal.timeout(askTimeoutMs) });
    const text = await readCapped(answer);
    if (!answer.ok) return { exporter: id, reason: `HTTP ${answer.status} of ${url}` };
    const read = exporterLedger.safeParse(JSON.parse(text));
    return read.success ? { ledger: read.data } : { exporter: id, reason: `no ledger at ${url}` };
  } catch (error) {
    return { exporter: id, reason: `${url}: ${causeMessageOf(error)}` };
  }
}

async function readCapped(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const part of answer.body ?? []) {
    bytes += part.length;
    if (bytes > answerBytesMax) throw new RangeError(`the answer has more than ${answerBytesMax} bytes`);
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

function collectorOf({ id, cluster, namespace, ledger = {} }: LiveRecord): ServiceLedger["collectors"][number] {
  const { recovered = 0, made = 0, acknowledged = 0, lost = 0, held = 0 } = ledger;
  return {
    collector: id,
    cluster,
    namespace,
    balanced: recovered + made === acknowledged + lost + held,
    books: { ...ledger },
  };
}
