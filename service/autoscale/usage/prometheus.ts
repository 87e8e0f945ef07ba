import { z } from "zod";
import { causeMessageOf } from "../../../core/errors.ts";
import { parseJson } from "../../../core/json.ts";
import { type HttpFetch, readCapped } from "../http_fetch.ts";
import type { AskedCollector, CollectorUsage, Dimension, UsageAnswer, UsageSource } from "./usage.ts";
import { dimensions } from "./usage.ts";

/** A longer answer is not read to its end. */
const answerBytesMax = 16 * 1024 * 1024;

export interface PrometheusUsageOptions {
  /** Of the API, without `/api/v1/query`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Shown as a bearer token; "" for none. */
  readonly token: () => string;
  readonly timeoutMs: number;
  /** PromQL by figure; each gives a vector with one sample for each collector. */
  readonly queries: Readonly<Record<Dimension, string>>;
  readonly fetch: HttpFetch;
}

/**
 * PromQL over the metrics of our own collectors, as they get to a Prometheus by whatever way.
 *
 * @param windowSeconds over which rates are taken.
 */
export function defaultQueries(windowSeconds: number): Record<Dimension, string> {
  const window = `[${windowSeconds}s]`;
  const lateness = "bcs_metric_collector_scrape_lateness_seconds";
  return {
    cpu: `100 * rate(process_cpu_seconds_total{component="collector"}${window})`,
    memory: `max_over_time(process_resident_memory_bytes{component="collector"}${window}) / 1048576`,
    lag: `rate(${lateness}_sum${window}) / (rate(${lateness}_count${window}) > 0)`,
  };
}

const answerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("vector"),
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});
const failureSchema = z.object({ status: z.literal("error"), error: z.string() });

type Vector = z.output<typeof answerSchema>["data"]["result"];

/**
 * Usage from any API that answers as Prometheus does. A series is that of a collector by its label `pod`, which is the
 * collector's id in the registry where bcs-metric scraped it, else by `instance`, the address of its `/metrics`. Of an
 * address that several series have, as in networks that overlap, nothing is known.
 */
export function makePrometheusUsage(options: PrometheusUsageOptions): UsageSource {
  return {
    name: `PromQL at ${new URL(options.url).host}`,
    async read(collectors) {
      const answers = await Promise.all(dimensions.map(async (dimension) => {
        const answer = await ask(options, options.queries[dimension]);
        return { dimension, ...answer };
      }));
      return joined(collectors, answers);
    },
  };
}

interface Asked {
  readonly vector: Vector;
  readonly problem: string;
}

async function ask({ url, headers, token, timeoutMs, fetch }: PrometheusUsageOptions, query: string): Promise<Asked> {
  const target = new URL(`${url.replace(/\/+$/, "")}/api/v1/query`);
  const authorization = token() === "" ? {} : { authorization: `Bearer ${token()}` };
  try {
    const answer = await fetch(target.href, {
      method: "POST",
      headers: { ...headers, ...authorization, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ query }).toString(),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const value = parseJson(await readCapped(answer, answerBytesMax));
    const read = answerSchema.safeParse(value);
    if (answer.ok && read.success) return { vector: read.data.data.result, problem: "" };
    const said = failureSchema.safeParse(value);
    const why = said.success ? `: ${said.data.error.slice(0, 300)}` : answer.ok ? " is no vector of Prometheus" : "";
    return { vector: [], problem: `HTTP ${answer.status}${why}` };
  } catch (error) {
    return { vector: [], problem: causeMessageOf(error) };
  }
}

function joined(
  collectors: readonly AskedCollector[],
  answers: readonly (Asked & { readonly dimension: Dimension })[],
): UsageAnswer {
  const found = new Map(answers.map(({ dimension, vector }) => [dimension, new Samples(vector)]));
  const figure = (collector: AskedCollector, dimension: Dimension) => found.get(dimension)?.of(collector) ?? null;
  const usages = collectors.map((collector): CollectorUsage => ({
    collector: collector.name,
    cpuPercent: figure(collector, "cpu"),
    memoryMiB: figure(collector, "memory"),
    lagSeconds: figure(collector, "lag"),
  }));
  const problems = answers.filter(({ problem }) => problem !== "").map(({ dimension, problem }) =>
    `the query for ${dimension}: ${problem}`
  );
  return { usages, problem: problems.join("; ") };
}

/** The samples of a vector by what names a collector; null for a name that several have. */
class Samples {
  readonly #byId = new Map<string, number | null>();
  readonly #byAddress = new Map<string, number | null>();

  constructor(vector: Vector) {
    for (const { metric, value: [, text] } of vector) {
      const value = Number(text);
      if (!Number.isFinite(value)) continue;
      add(this.#byId, metric["pod"], value);
      add(this.#byAddress, metric["instance"], value);
    }
  }

  of({ id, metricsAddress }: AskedCollector): number | null {
    return this.#byId.get(id) ?? this.#byAddress.get(metricsAddress) ?? null;
  }
}

function add(samples: Map<string, number | null>, name: string | undefined, value: number): void {
  if (name === undefined || name === "") return;
  samples.set(name, samples.has(name) ? null : value);
}
