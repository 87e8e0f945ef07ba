/**
 * How the series of one metric family become data points of OTLP, by the OpenTelemetry specification of compatibility
 * with Prometheus:
 *
 * | family                                  | metric                                                                    |
 * | --------------------------------------- | ------------------------------------------------------------------------- |
 * | counter                                 | monotonic cumulative sum                                                  |
 * | info, stateset                          | cumulative sum that is not monotonic                                      |
 * | histogram                               | cumulative histogram, from `_count`, `_sum` and `_bucket` of equal labels |
 * | summary                                 | summary, from `_count`, `_sum` and the quantiles of equal labels          |
 * | gauge, gaugehistogram, unknown          | gauge                                                                     |
 * | `_created` and other series of a family | gauge                                                                     |
 *
 * Names are those of the series, unaltered. A histogram or summary without `_count` cannot be carried.
 */

import { parseNumber } from "../../../core/exposition/number.ts";
import type { Block, Label, Target } from "../../../core/protocol/shape.ts";
import { materializeLabels, withoutName } from "../materialize.ts";

/** A series that has a data point of its own. */
export interface NumberPoint {
  readonly attributes: readonly Label[];
  /** Its place in the block. */
  readonly series: number;
}

/** Series that make one data point of a histogram or summary; places in the block, -1 for none. */
export interface CompositePoint {
  readonly attributes: readonly Label[];
  readonly count: number;
  readonly sum: number;
  /** Finite upper bounds, ascending, or quantiles. */
  readonly bounds: readonly number[];
  /** The series of each bound. */
  readonly bounded: readonly number[];
  /** Series that the point is made of, that of `+Inf` included. */
  readonly seriesCount: number;
}

export interface Metric {
  /** The labels that are the resource's. */
  readonly resource: readonly Label[];
  readonly name: string;
  readonly data: MetricData;
}

export type MetricData =
  | Data<"gauge", NumberPoint>
  | Data<"counter", NumberPoint>
  | Data<"sum", NumberPoint>
  | Data<"histogram", CompositePoint>
  | Data<"summary", CompositePoint>;

interface Data<Kind, Point> {
  readonly kind: Kind;
  readonly points: readonly Point[];
}

export interface Family {
  readonly metrics: readonly Metric[];
  /** Series that cannot be carried. */
  readonly notCarried: number;
}

/** A series with its labels divided. */
interface Divided {
  readonly name: string;
  readonly resource: readonly Label[];
  readonly attributes: readonly Label[];
  readonly series: number;
}

/** `resourceLabels` are the labels that go to the resource, with the names that they have there. */
export function readFamily(
  block: Block,
  target: Pick<Target, "labels">,
  resourceLabels: ReadonlyMap<string, string>,
): Family {
  const divided = block.series.map((series, index) =>
    divide(withoutName(materializeLabels(series, target)), series.name, index, resourceLabels)
  );
  const { family, type } = block;
  if (type !== "histogram" && type !== "summary") return { metrics: numbers(divided, family, type), notCarried: 0 };
  const [parts, others] = separate(divided, family, type);
  const { metrics, notCarried } = composites(parts, family, type);
  return { metrics: [...metrics, ...numbers(others, family, "")], notCarried };
}

function divide(
  labels: readonly Label[],
  name: string,
  series: number,
  resourceLabels: ReadonlyMap<string, string>,
): Divided {
  const resource: Label[] = [];
  const attributes: Label[] = [];
  for (const label of labels) {
    const renamed = resourceLabels.get(label.name);
    if (renamed === undefined) attributes.push(label);
    else resource.push({ name: renamed, value: label.value });
  }
  return { name, resource, attributes, series };
}

function numbers(series: readonly Divided[], family: string, type: string): Metric[] {
  const groups = Map.groupBy(series, ({ name, resource }) => JSON.stringify([name, resource]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { name, resource } = first;
    const kind = numberKind(type, name, family);
    return { name, resource, data: { kind, points: group } };
  });
}

function numberKind(type: string, name: string, family: string): "gauge" | "counter" | "sum" {
  if (type === "info" || type === "stateset") return "sum";
  return type === "counter" && (name === family || name === `${family}_total`) ? "counter" : "gauge";
}

type Composite = "histogram" | "summary";

/** The label that tells the parts of a point apart. */
const boundLabel = { histogram: "le", summary: "quantile" } as const;

function separate(series: readonly Divided[], family: string, type: Composite): [Divided[], Divided[]] {
  const bounded = boundedName(family, type);
  const isPart = ({ name, attributes }: Divided) =>
    name === `${family}_count` || name === `${family}_sum`
    || name === bounded && attributes.some((label) => label.name === boundLabel[type]);
  return [series.filter(isPart), series.filter((one) => !isPart(one))];
}

function boundedName(family: string, type: Composite): string {
  return type === "histogram" ? `${family}_bucket` : family;
}

function composites(parts: readonly Divided[], family: string, type: Composite): Family {
  const own = (labels: readonly Label[]) => labels.filter(({ name }) => name !== boundLabel[type]);
  const points = Map.groupBy(parts, ({ resource, attributes }) => JSON.stringify([resource, own(attributes)]));
  const metrics = new Map<string, { readonly resource: readonly Label[]; readonly points: CompositePoint[] }>();
  let notCarried = 0;
  for (const group of points.values()) {
    const { resource, attributes } = group[0] as Divided;
    const point = compositePoint(group, own(attributes), family, type);
    if (point === null) {
      notCarried += group.length;
      continue;
    }
    const key = JSON.stringify(resource);
    const metric = metrics.get(key) ?? { resource, points: [] };
    metrics.set(key, metric);
    metric.points.push(point);
  }
  const made = [...metrics.values()].map((one): Metric => ({
    resource: one.resource,
    name: family,
    data: { kind: type, points: one.points },
  }));
  return { metrics: made, notCarried };
}

function compositePoint(
  group: readonly Divided[],
  attributes: readonly Label[],
  family: string,
  type: Composite,
): CompositePoint | null {
  const find = (name: string) => group.find((one) => one.name === name)?.series ?? -1;
  const count = find(`${family}_count`);
  if (count === -1) return null;
  const bounded = group.filter(({ name }) => name === boundedName(family, type))
    .map(({ attributes: labels, series }) => ({ bound: boundOf(labels, type), series }))
    .filter(({ bound }) => Number.isFinite(bound))
    .toSorted((a, b) => a.bound - b.bound);
  return {
    attributes,
    count,
    sum: find(`${family}_sum`),
    bounds: bounded.map(({ bound }) => bound),
    bounded: bounded.map(({ series }) => series),
    seriesCount: group.length,
  };
}

function boundOf(labels: readonly Label[], type: Composite): number {
  const bound = parseNumber(labels.find(({ name }) => name === boundLabel[type])?.value ?? "");
  return typeof bound === "number" ? bound : NaN;
}
