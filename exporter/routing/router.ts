import {
  type Block,
  encodeBlock,
  encodeLayout,
  type Label,
  type Layout,
  type Series,
  type Target,
} from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";
import type { OpaqueRecord, ResolvedScrape } from "../sink.ts";
import type { Route } from "./routes.ts";

/** What of the log is for one sink. */
export interface Router {
  /** The scrape with those of its series that are for the sink; null when there is none. */
  scrape(scrape: ResolvedScrape): ResolvedScrape | null;
  opaque(record: OpaqueRecord): boolean;
}

/** The router of an exporter without routes: everything is for every sink. */
export const everything: Router = { scrape: (scrape) => scrape, opaque: () => true };

/** What a sink gets of the scrapes of one target and layout: all, nothing, or some runs of their series. */
type Plan = "all" | "nothing" | Selection;

interface Selection {
  readonly layout: Layout;
  readonly blocks: readonly Block[];
  /** Of the values, in order: from and to (exclusive). */
  readonly runs: readonly (readonly [number, number])[];
  readonly count: number;
}

/** Plans are forgotten, and made again, beyond so many. */
const plansMax = 20_000;

/**
 * The router of one sink. For every series the first route that matches decides; what none matches goes nowhere.
 * That is worked out once for each target and layout, not for each scrape.
 *
 * Cluster and namespace are those of the collector that sent it, which cannot be forged; labels are those that the
 * sink would see. A route with `metric` or `labels` matches no opaque record.
 */
export function makeRouter(routes: readonly Route[] | null, sink: string): Router {
  if (routes === null) return everything;
  const plans = new Map<string, Plan>();
  return {
    scrape(scrape) {
      const key = planKey(scrape);
      let plan = plans.get(key);
      if (plan === undefined) {
        if (plans.size >= plansMax) plans.clear();
        plan = planFor(routes, sink, scrape);
        plans.set(key, plan);
      }
      if (plan === "all") return scrape;
      return plan === "nothing" ? null : select(scrape, plan);
    },
    opaque(record) {
      const scoped = scopedRoutes(routes, record.origin, record.dataId);
      return scoped.find(({ metric, labels }) => metric === null && labels.length === 0)?.sinks.has(sink) ?? false;
    },
  };
}

function planKey({ origin, target, layout }: ResolvedScrape): string {
  return `${origin?.cluster ?? ""}/${origin?.namespace ?? ""}/${target.id}${layout.id}`;
}

function scopedRoutes(routes: readonly Route[], origin: ResolvedScrape["origin"], dataId: number): Route[] {
  return routes.filter((route) =>
    (route.cluster?.(origin?.cluster ?? "") ?? true)
    && (route.namespace?.(origin?.namespace ?? "") ?? true)
    && (route.dataId?.(String(dataId)) ?? true)
  );
}

function planFor(routes: readonly Route[], sink: string, { origin, target, blocks }: ResolvedScrape): Plan {
  const scoped = scopedRoutes(routes, origin, target.dataId);
  // A scrape without series still counts as one, and goes where a route for everything of its target leads.
  const [first] = scoped;
  if (first === undefined) return "nothing";
  if (first.metric === null && first.labels.length === 0) return first.sinks.has(sink) ? "all" : "nothing";
  const wanted = (series: Series) => scoped.find((route) => fits(route, series, target))?.sinks.has(sink) ?? false;
  return planOf(blocks, wanted);
}

function fits({ metric, labels }: Route, series: Series, target: Target): boolean {
  if (metric !== null && !metric(series.name)) return false;
  return labels.every(({ name, matches }) => matches(labelValue(name, series, target)));
}

/** A series' own label wins over the target's, even when it is empty. */
function labelValue(name: string, series: Series, target: Target): string {
  if (name === "__name__") return series.name;
  const named = (label: Label) => label.name === name;
  return (series.labels.find(named) ?? target.labels.find(named))?.value ?? "";
}

function planOf(blocks: readonly Block[], wanted: (series: Series) => boolean): Plan {
  const runs: [number, number][] = [];
  const kept: Block[] = [];
  let [index, count] = [0, 0];
  for (const block of blocks) {
    const series = block.series.filter((one) => {
      const keep = wanted(one);
      const last = runs.at(-1);
      if (keep && last !== undefined && last[1] === index) last[1]++;
      else if (keep) runs.push([index, index + 1]);
      index++;
      return keep;
    });
    count += series.length;
    if (series.length === seriesCountOf(block)) kept.push(block);
    else if (series.length > 0) kept.push(encodeBlock(block, series).shape);
  }
  if (count === 0) return "nothing";
  if (count === index) return "all";
  return { layout: encodeLayout(kept.map(({ id }) => id)).shape, blocks: kept, runs, count };
}

function select(scrape: ResolvedScrape, { layout, blocks, runs, count }: Selection): ResolvedScrape {
  const pick = (from: Float64Array<ArrayBuffer>) => {
    const to = new Float64Array(count);
    let at = 0;
    for (const [begin, end] of runs) {
      // Copied as bytes: assigning one by one might change the payload of a NaN.
      to.set(from.subarray(begin, end), at);
      at += end - begin;
    }
    return to;
  };
  const sampleTimesMs = scrape.sampleTimesMs === null ? null : pick(scrape.sampleTimesMs);
  return { ...scrape, layout, blocks, values: pick(scrape.values), sampleTimesMs };
}
