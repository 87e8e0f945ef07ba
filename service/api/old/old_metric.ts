import { normalize } from "node:path/posix";
import { z } from "zod";
import { type MetricDocument, timeoutSeconds } from "../../../core/config/schema.ts";
import { flagField, intField, pairsField, textField, uintField } from "./fields.ts";
import { materialOf } from "./key_material.ts";

/** What the old collectors waited for when a metric did not say. */
const timeoutSecondsDefault = 30;
const frequencySecondsDefault = 60;

const pullSecret = z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]);

export const tlsConfigField = z.object({
  isTLS: flagField,
  ca: textField,
  clientCert: textField,
  clientKey: textField,
  clientKeyPwd: textField,
});

export type OldTlsConfig = z.output<typeof tlsConfigField>;

/**
 * A Metric as old clients send it, after decoding: every field there, and what does the same written the same way.
 * `networkMode` was of any type; nothing but text meant anything.
 */
export const oldMetricField = z.object({
  version: textField,
  name: textField,
  namespace: textField,
  clusterID: textField,
  networkMode: z.unknown().nullish().transform((value) => typeof value === "string" ? value : ""),
  networkType: textField,
  hostNetwork: flagField,
  dnsPolicy: textField,
  imagePullSecrets: z.array(pullSecret).nullish().transform((value) => value ?? []),
  dataID: intField,
  port: uintField,
  uri: textField.transform(cleanUri),
  method: textField.transform((value) => value === "" ? "GET" : value.toUpperCase()),
  head: pairsField,
  parameters: pairsField,
  selector: pairsField,
  frequency: intField.transform((value) => value > 0 ? value : frequencySecondsDefault),
  timeout: intField,
  imageBase: textField,
  metricType: textField,
  constLabels: pairsField,
  tlsConfig: tlsConfigField.nullish().transform((value) => value ?? tlsConfigField.parse({})),
}).transform((metric) => ({
  ...metric,
  timeout: metric.timeout > 0 ? metric.timeout : Math.min(timeoutSecondsDefault, metric.frequency),
}));

export type OldMetric = z.output<typeof oldMetricField>;

/** The list that a request sets; null for an item that is nothing. */
export const oldMetricsField = z.array(oldMetricField.nullable()).nullish().transform((value) => value ?? []);

/** A Metric as old clients get it, its keys in the old order. */
export function oldMetricOf({ metadata, spec }: MetricDocument) {
  const { network, collector } = spec;
  return {
    version: spec.version,
    name: metadata.name,
    namespace: metadata.namespace,
    clusterID: metadata.clusterId,
    clusterType: spec.clusterType,
    networkMode: network?.networkMode ?? null,
    networkType: network?.networkType ?? "",
    hostNetwork: network?.hostNetwork ?? false,
    dnsPolicy: network?.dnsPolicy ?? "",
    imagePullSecrets: (collector?.imagePullSecrets ?? []).map((name) => ({ name })),
    dataID: spec.dataId,
    // A port that is known by its name has no number before it is looked up in each container.
    port: typeof spec.port === "number" ? spec.port : 0,
    uri: spec.uri,
    method: spec.method,
    head: spec.head,
    parameters: spec.parameters,
    selector: spec.selector,
    frequency: spec.frequency,
    timeout: wholeSeconds(timeoutSeconds(spec)),
    imageBase: collector?.imageBase ?? "",
    metricType: spec.metricType,
    constLabels: spec.constLabels,
    tlsConfig: tlsConfigOf(spec.scheme, spec.tls),
  };
}

/** A reference to a secret stands where old clients had the secret itself. */
export function tlsConfigOf(scheme: "http" | "https", tls: MetricDocument["spec"]["tls"]): OldTlsConfig {
  if (scheme !== "https") return { isTLS: false, ca: "", clientCert: "", clientKey: "", clientKeyPwd: "" };
  return {
    isTLS: true,
    ca: materialOf(tls?.ca ?? ""),
    clientCert: materialOf(tls?.certificate ?? ""),
    clientKey: tls?.key ?? "",
    clientKeyPwd: "",
  };
}

/** Old timeouts are whole seconds; one that is rounded down to 0 would mean half a minute. */
export function wholeSeconds(seconds: number): number {
  return Math.ceil(seconds);
}

/** `/` before the path, neither `.` nor `..` nor empty segments in it, and no `/` after it. */
export function cleanUri(uri: string): string {
  const queryAt = uri.indexOf("?");
  const path = queryAt < 0 ? uri : uri.slice(0, queryAt);
  const clean = normalize(`/${path}`);
  const query = queryAt < 0 ? "" : uri.slice(queryAt);
  return (clean === "/" ? clean : clean.replace(/\/$/, "")) + query;
}
