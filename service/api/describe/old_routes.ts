import { z } from "zod";
import { metricTaskField } from "../old/metric_task.ts";
import { oldMetricsField } from "../old/old_metric.ts";
import { oldPrefixes } from "../old/routes.ts";
import { json, type RouteDoc } from "./route_doc.ts";

const pairs = z.record(z.string(), z.string());
const tlsConfig = z.strictObject({
  isTLS: z.boolean(),
  ca: z.string(),
  clientCert: z.string(),
  clientKey: z.string(),
  clientKeyPwd: z.string(),
});
const objectMeta = z.strictObject({
  name: z.string(),
  namespace: z.string(),
  creationTimestamp: z.string(),
  labels: pairs.exactOptional(),
  annotations: pairs.exactOptional(),
  clusterName: z.string().exactOptional(),
});

const metric = z.strictObject({
  version: z.string(),
  name: z.string(),
  namespace: z.string(),
  clusterID: z.string(),
  clusterType: z.string(),
  networkMode: z.string().nullable(),
  networkType: z.string(),
  hostNetwork: z.boolean(),
  dnsPolicy: z.string(),
  imagePullSecrets: z.array(z.strictObject({ name: z.string() })),
  dataID: z.int(),
  port: z.int(),
  uri: z.string(),
  method: z.string(),
  head: pairs,
  parameters: pairs,
  selector: pairs,
  frequency: z.int(),
  timeout: z.int(),
  imageBase: z.string(),
  metricType: z.string(),
  constLabels: pairs,
  tlsConfig,
});

const task = z.strictObject({
  clusterID: z.string(),
  namespace: z.string(),
  name: z.string(),
  selector: pairs,
  pods: z.array(z.strictObject({ ip: z.string(), port: z.int(), meta: objectMeta })),
});

const collectorCfg = z.strictObject({
  version: z.string(),
  cfgs: z.array(z.array(z.strictObject({
    cfgKey: z.string(),
    version: z.string(),
    meta: objectMeta,
    dataid: z.int(),
    ip: z.string(),
    port: z.int(),
    scheme: z.string(),
    address: z.string(),
    head: pairs,
    parameters: pairs,
    method: z.string(),
    frequency: z.int(),
    timeout: z.int(),
    tlsConfig,
    metricType: z.string(),
    constLabels: pairs,
  }))),
});

/** Whatever happened: `data` is empty when it failed. */
function envelope(data: z.ZodType) {
  const nothing = z.strictObject({});
  return json(
    z.strictObject({
      result: z.boolean(),
      code: z.int().meta({ description: "0 for success; docs/old-api.md lists the others." }),
      message: z.string(),
      data: z.union([data, nothing]),
    }),
    "The envelope, also of a failure.",
  );
}

function old(summary: string, data: z.ZodType, more: Partial<RouteDoc> = {}): RouteDoc {
  return { summary, tag: "old API", answers: { 200: envelope(data), 401: refused, 403: refused }, ...more };
}

const nothing = z.strictObject({});
const refused = envelope(nothing);

const taskPath = "/tasks/clusters/{clusterId}/namespaces/{namespace}/name/{name}";
const routes: Readonly<Record<string, RouteDoc>> = {
  "POST /clustertype/{clusterType}/metrics": old("Sets metrics", nothing, {
    body: { "application/json": oldMetricsField },
  }),
  "DELETE /clustertype/{clusterType}/clusters/{clusterId}/namespaces/{namespace}/metrics": old(
    "Removes metrics",
    nothing,
    { query: { name: z.string().meta({ description: "Names with commas." }) } },
  ),
  "POST /metrics": old("Metrics of clusters, by name", z.array(metric), {
    body: { "application/json": z.object({ clusterID: z.array(z.string()), name: z.string().optional() }) },
  }),
  "GET /collector/{clusterType}/{clusterId}/{namespace}/{name}": old("What a collector scrapes", collectorCfg),
  "GET /tasks/clusters/{clusterId}": old("Tasks of a cluster", z.array(task), {
    query: { namespace: z.string().optional() },
  }),
  [`GET ${taskPath}`]: old("One task", task),
  [`PUT ${taskPath}`]: old("Sets a task", nothing, { body: { "application/json": metricTaskField } }),
  [`DELETE ${taskPath}`]: old("Removes a task", nothing),
};

/** The Metric API of the original system, below both of its prefixes. */
export const oldRoutes: Readonly<Record<string, RouteDoc>> = Object.fromEntries(
  oldPrefixes.flatMap((prefix) =>
    Object.entries(routes).map(([route, doc]) => [route.replace(" ", ` ${prefix}`), doc])
  ),
);
