import { isDeepStrictEqual } from "node:util";
import { timingIssues } from "../../../core/config/document.ts";
import { checkSchema, type Issue } from "../../../core/config/issues.ts";
import { documentSchemas, type MetricDocument } from "../../../core/config/schema.ts";
import { OldApiError } from "./envelope.ts";
import { type OldMetric, oldMetricField, oldMetricOf } from "./old_metric.ts";

export type ClusterType = MetricDocument["spec"]["clusterType"];

type Fields = Record<string, unknown>;

/**
 * The Metric document that an old Metric stands for. What the old API knows nothing of, such as relabelings, limits
 * or labels, stays as it is in `existing`; so does what the old Metric says the same about, such as a port that is
 * known by its name.
 *
 * @param old with references in its tlsConfig, as `referTls` puts them.
 */
export function metricDraft(old: OldMetric, clusterType: ClusterType, existing: MetricDocument | null): Fields {
  const before = existing === null ? null : oldMetricField.parse(oldMetricOf(existing));
  const spec: Fields = { ...existing?.spec };
  // The core parameters of a metric are always written; they say what it is.
  Object.assign(spec, { version: old.version, clusterType });
  for (const [field, apply] of Object.entries(appliers) as [keyof OldMetric, Apply][]) {
    if (before === null || !isDeepStrictEqual(before[field], old[field])) apply(spec, old, clusterType);
  }
  const { labels, annotations } = existing?.metadata ?? {};
  const metadata = { clusterId: old.clusterID, namespace: old.namespace, name: old.name };
  return {
    apiVersion: "bcs-metric/v1",
    kind: "Metric",
    metadata: { ...metadata, ...given({ labels, annotations }) },
    spec,
  };
}

/** @throws OldApiError `invalidMetric` that says everything that is wrong with the draft, in the old fields' names. */
export function checkMetricDraft(draft: Fields, frequencyMinSeconds: number): void {
  const issues = [
    ...checkSchema(documentSchemas.Metric, draft).issues,
    ...timingIssues(draft, frequencyMinSeconds),
  ];
  if (issues.length > 0) throw new OldApiError("invalidMetric", issues.map(describe).join("; "));
}

type Apply = (spec: Fields, old: OldMetric, clusterType: ClusterType) => void;

/** How each field of the old Metric is written into a spec. */
const appliers: Partial<Record<keyof OldMetric, Apply>> = {
  selector: (spec, { selector }) => put(spec, "selector", selector),
  port: (spec, { port }, clusterType) => {
    // A component announces its own port; the old clients left it out.
    spec["port"] = port === 0 && clusterType === "bcs-components" ? componentPort : port;
  },
  uri: (spec, { uri }) => spec["uri"] = uri,
  method: (spec, { method }) => spec["method"] = method,
  frequency: (spec, { frequency }) => spec["frequency"] = frequency,
  timeout: (spec, { timeout }) => spec["timeout"] = timeout,
  metricType: (spec, { metricType }) => spec["metricType"] = metricType,
  dataID: (spec, { dataID }) => spec["dataId"] = dataID,
  parameters: (spec, { parameters }) => put(spec, "parameters", parameters),
  head: (spec, { head }) => put(spec, "head", head),
  constLabels: (spec, { constLabels }) => put(spec, "constLabels", constLabels),
  tlsConfig: applyTls,
  networkMode: (spec, { networkMode }) => putInside(spec, "network", "networkMode", networkMode),
  networkType: (spec, { networkType }) => putInside(spec, "network", "networkType", networkType),
  hostNetwork: (spec, { hostNetwork }) => putInside(spec, "network", "hostNetwork", hostNetwork),
  dnsPolicy: (spec, { dnsPolicy }) => putInside(spec, "network", "dnsPolicy", dnsPolicy),
  imagePullSecrets: (spec, { imagePullSecrets }) => putInside(spec, "collector", "imagePullSecrets", imagePullSecrets),
  imageBase: (spec, { imageBase }) => putInside(spec, "collector", "imageBase", imageBase),
};

/** Tells the reader of a file where the port comes from; it matches no container's port. */
const componentPort = "metric_port";

function applyTls(spec: Fields, { tlsConfig }: OldMetric): void {
  if (!tlsConfig.isTLS) {
    spec["scheme"] = "http";
    delete spec["tls"];
    return;
  }
  spec["scheme"] = "https";
  putInside(spec, "tls", "ca", tlsConfig.ca);
  putInside(spec, "tls", "certificate", tlsConfig.clientCert);
  putInside(spec, "tls", "key", tlsConfig.clientKey);
}

/** What is empty is left out, so that files stay short. */
function put(fields: Fields, key: string, value: unknown): void {
  if (isEmpty(value)) delete fields[key];
  else fields[key] = value;
}

function putInside(spec: Fields, outer: string, key: string, value: unknown): void {
  const inside: Fields = { ...spec[outer] as Fields | undefined };
  put(inside, key, value);
  put(spec, outer, inside);
}

function given(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "" || value === false) return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

const oldNames: Readonly<Record<string, string>> = { clusterId: "clusterID", dataId: "dataID" };

function describe({ path, message }: Issue): string {
  // What is wrong with a name says which one it is.
  if (path[0] === "metadata") return message;
  const field = path.slice(1).map((part) => oldNames[String(part)] ?? String(part)).join(".");
  return message.startsWith("missing key") || field === "" ? message : `${field}: ${message}`;
}
