import { writeCollection } from "../../core/config/collection.ts";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { testMetric, testTarget } from "../../core/scrape/testing/metrics.ts";

/** Answers each scrape with its number: the value of every series of `scrapes_total`. */
export interface NumberedTarget {
  readonly listener: Listener;
  /** The label `instance` of its samples. */
  readonly address: string;
  /** Unix milliseconds of its scrapes: the first is number 1. */
  readonly times: number[];
}

/** One scrape of `failEvery` is answered 503. */
export async function startNumberedTarget(series: number, failEvery = Infinity): Promise<NumberedTarget> {
  const times: number[] = [];
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, () => {
    const number = times.push(Date.now());
    if (number % failEvery === 0) return new Response("", { status: 503 });
    const lines = Array.from({ length: series }, (_, index) => `scrapes_total{series="${index}"} ${number}\n`);
    return new Response(lines.join(""), { headers: { "content-type": "text/plain; version=0.0.4" } });
  });
  return { listener, address: `127.0.0.1:${listener.address.port}`, times };
}

/** The collection of collector `bcs-collector-shop-<index>` of TEST/shop: these targets, each second. */
export function collectionOf(index: number, targets: readonly NumberedTarget[]): string {
  return writeCollection({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata: {
      clusterId: "TEST",
      namespace: "shop",
      name: `bcs-collector-shop-${index}`,
      labels: {},
      annotations: {},
    },
    spec: {
      generation: 1,
      metrics: [testMetric({ name: "count", timeout: 1 }, targets.map(({ address }) => testTarget({ address })))],
    },
  });
}
