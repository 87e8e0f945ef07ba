import { z } from "zod";
import { checkRelabelRule, relabelActions, relabelDefaults, relabelRulesMax } from "../relabel/mod.ts";
import { autoscaleRule } from "./autoscale.ts";
import { nameBytesMax, nameProblem, safeNamePattern } from "./names.ts";

/** The kinds of document on the volume, with the folder that holds each. */
export const kindFolders = {
  Metric: "metric",
  Task: "task",
  Application: "application",
  Collector: "collector",
  Collection: "collection",
} as const;

export type Kind = keyof typeof kindFolders;

export const frequencySecondsDefault = 60;

const text = z.string();
const labels = z.record(z.string().min(1), z.string());
const portNumber = z.int().min(1).max(65535);

/** A safe path segment; `what` names it in the error. */
function safeName(what: string) {
  return z.string().superRefine((value, context) => {
    const problem = nameProblem(value);
    if (problem !== null) context.addIssue({ code: "custom", message: `${what} ${problem}` });
  }).meta({ pattern: safeNamePattern.source, maxLength: nameBytesMax });
}

const metadata = z.strictObject({
  clusterId: safeName("clusterId"),
  namespace: safeName("namespace"),
  name: safeName("name"),
  labels: labels.default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

// A secret is named, never written down: `env:NAME`, or `file:NAME` inside the configured folder of secrets.
const secretReference = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:[A-Za-z0-9][A-Za-z0-9._/-]*)$/, {
  error: "must be a reference such as env:NAME or file:NAME",
});

const relabeling = z.strictObject({
  sourceLabels: z.array(z.string()).max(relabelRulesMax).default([]),
  separator: z.string().default(relabelDefaults.separator),
  regex: z.string().default(relabelDefaults.regex).describe("RE2; it has to match the whole text."),
  modulus: z.int().min(1).optional().describe("For the action hashmod."),
  targetLabel: z.string().optional(),
  replacement: z.string().default(relabelDefaults.replacement).describe("$1 or ${name} stand for groups."),
  action: z.enum(relabelActions).default(relabelDefaults.action),
}).superRefine((rule, context) => {
  for (const { field, message } of checkRelabelRule(rule)) {
    context.addIssue({ code: "custom", message, path: [field] });
  }
});

const relabelRules = z.array(relabeling).max(relabelRulesMax).default([]);

/** Each exceeded limit fails the scrape. 0 means no limit, except for the body, which always has one. */
const limits = z.strictObject({
  bodyBytes: z.int().min(1).max(1024 * 1024 * 1024).default(64 * 1024 * 1024),
  samples: z.int().min(0).default(0),
  labels: z.int().min(0).default(0),
  labelNameLength: z.int().min(0).default(0),
  labelValueLength: z.int().min(0).default(0),
  targets: z.int().min(0).default(0),
});

const auth = z.strictObject({
  basic: z.strictObject({ username: z.string(), password: secretReference }).optional(),
  bearer: secretReference.optional(),
}).refine(({ basic, bearer }) => (basic === undefined) !== (bearer === undefined), {
  error: "must have either basic or bearer",
});

// A certificate is no secret: it may stand here itself, as base64 of its PEM.
const certificateReference = z.string().regex(
  /^(env:[A-Za-z_][A-Za-z0-9_]*|file:[A-Za-z0-9][A-Za-z0-9._/-]*|pem:[A-Za-z0-9+/]+={0,2})$/,
  { error: "must be a reference such as env:NAME or file:NAME, or pem: and the base64 of PEM" },
);

const tls = z.strictObject({
  ca: certificateReference.optional().describe("Who may have signed the target's certificate."),
  certificate: certificateReference.optional().describe("Shown to the target, with key."),
  key: secretReference.optional(),
  keyPassword: secretReference.optional(),
  serverName: z.string().optional().describe("What the target's certificate must name, instead of its address."),
  insecureSkipVerify: z.boolean().default(false).describe("Believe any certificate; the operator has to allow it."),
}).refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
  error: "must have both certificate and key, or neither",
});

const proxyUrl = z.string().regex(/^http:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}\/?$/, {
  error: "must be a URL such as http://proxy.example:3128",
});

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: "is no HTTP header name" });

/**
 * How the targets of a metric are scraped: what a collector needs to know of it, besides the targets. The
 * descriptions are shown by editors that read the JSON Schemas.
 */
const scrapeFields = {
  version: z.string().min(1, { error: "must not be empty; change it whenever anything in spec changes" })
    .describe("Any text; must change whenever anything in spec changes."),
  uri: z.string().startsWith("/", { error: "must begin with /" }).describe("Path of the exposition, such as /metrics."),
  method: z.enum(["GET", "POST"]).default("GET"),
  // The operator's minimum (60 by default) is no property of the document: the document reader checks it.
  frequency: z.int().min(1).max(86_400).default(frequencySecondsDefault).describe("Seconds between scrapes."),
  timeout: z.number().positive().max(86_400).optional()
    .describe("Seconds for a whole scrape, at most the frequency; the smaller of 10 and the frequency by default."),
  metricType: z.enum(["prometheus", ""]).default("prometheus").describe('"" hands the text on unparsed.'),
  dataId: z.int().min(0).default(0).describe("The BlueKing data id; needed by the sinks to BlueKing."),
  scheme: z.enum(["http", "https"]).default("http"),
  parameters: z.record(z.string(), z.string()).default({}).describe("Query parameters."),
  head: z.record(headerName, z.string()).default({}).describe("Request headers."),
  constLabels: labels.default({}).describe("Labels of every series; they replace scraped ones of the same name."),
  honorLabels: z.boolean().default(false),
  honorTimestamps: z.boolean().default(true),
  fallbackProtocol: z.enum([
    "PrometheusProto",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
  ]).optional()
    .describe("How to read an answer whose Content-Type is missing or unknown; without it such a scrape fails."),
  nativeHistograms: z.boolean().default(false)
    .describe("Asks for protobuf first, the only format that has native histograms."),
  nameEscaping: z.enum(["allow-utf-8", "underscores", "dots", "values"]).default("allow-utf-8")
    .describe("How names with other characters than letters, digits, _ and : are written."),
  limits: limits.prefault({}),
  trackTimestampsStaleness: z.boolean().default(false)
    .describe("Whether series with explicit times are marked stale when they vanish, too."),
  extraScrapeMetrics: z.boolean().default(false)
    .describe("Adds scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes to each scrape."),
  relabelings: relabelRules.describe("Prometheus' relabel_configs: of targets, before they are scraped."),
  metricRelabelings: relabelRules.describe("Prometheus' metric_relabel_configs: of series, before they are sent."),
  auth: auth.optional(),
  tls: tls.optional(),
  proxyUrl: proxyUrl.optional().describe("Proxy on the way to the targets; the operator has to allow it."),
  followRedirects: z.boolean().optional().describe("Follow up to 5 redirects; credentials go to the target alone."),
} as const;

export const clusterType = z.enum(["k8s", "mesos", "bcs-components"]);

const portProblem = "must be a port number from 1 to 65535 (without quotes) or the name of a container port";

const port = z.union(
  // A quoted number is no name: it would match no container port, and the metric would never find a target.
  [portNumber, z.string().regex(/[^0-9]/, { error: portProblem })],
  { error: portProblem },
);

const workloadNetwork = z.strictObject({
  networkMode: text.optional().describe("Mesos: BRIDGE, HOST, USER, or what the cluster calls it. Docker: a network."),
  networkType: text.optional().describe("Mesos: such as cnm or cni."),
  hostNetwork: z.boolean().optional().describe("Kubernetes."),
  dnsPolicy: text.optional().describe("Kubernetes."),
});

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, { error: "is no name of a variable" });

/** What Collector documents, and the templates of collector workloads, say of a workload. */
export const workloadSettings = {
  image: text.optional().describe("Image of the collectors, with its tag."),
  imagePullSecrets: z.array(text).optional(),
  resources: z.strictObject({
    cpus: z.number().positive().max(1024),
    memoryMiB: z.int().min(16).max(1024 * 1024),
  }).optional().describe("Of each collector; 1 CPU and 256 MiB by default."),
  network: workloadNetwork.optional(),
  env: z.record(variableName, text).optional(),
  labels: labels.optional(),
  template: z.record(z.string(), z.unknown()).optional()
    .describe("Laid over what the orchestrator makes up, in its own terms."),
} as const;

const metricSpec = z.strictObject({
  ...scrapeFields,
  clusterType: clusterType.default("k8s"),
  selector: labels.default({}).describe("Every pair must equal; an empty one matches every instance of the namespace."),
  port: port.describe("A number, or the name of a container port; not used for bcs-components."),
  network: workloadNetwork.optional().describe("Of the namespace's collectors."),
  collector: z.strictObject({
    image: text.optional(),
    imageBase: text.optional().describe("Registry of the image: takes the place of what stands before its first /."),
    replicas: z.int().min(0).optional(),
    imagePullSecrets: z.array(text).optional(),
  }).optional(),
});

const taskSpec = z.strictObject({
  selector: labels.default({})
    .describe("The task serves the metrics whose every selector pair is in here; an empty one serves none."),
  pods: z.array(z.strictObject({
    ip: z.string().min(1),
    port: z.int().min(0).max(65535).default(0).describe("Overrides the metric's port when positive."),
    meta: z.record(z.string(), z.unknown()).default({}),
  })).default([]),
});

const applicationSpec = z.strictObject({
  labels: labels.default({}),
  instances: z.array(z.strictObject({
    name: safeName("name"),
    ip: z.string().min(1),
    hostIp: text.default(""),
    phase: text.default("Running"),
    labels: labels.default({}).describe("Laid over the application's labels."),
    ports: z.array(z.strictObject({
      name: text.default(""),
      port: portNumber,
      hostPort: z.int().min(0).max(65535).default(0),
    })).default([]),
  })).default([]),
});

const collectorSpec = z.strictObject({
  replicas: z.int().min(0).max(1000).default(1),
  balance: z.enum(["count", "cost"]).default("count")
    .describe("What is divided evenly: the number of targets, or the observed cost of their scrapes."),
  clusterType: clusterType.optional(),
  drift: z.enum(["repair", "accept"]).optional()
    .describe("What becomes of changes that somebody makes to the workload by hand; as --drift says by default."),
  ...workloadSettings,
  autoscale: autoscaleRule.optional()
    .describe("When more or fewer collectors are proposed; in place of the service's rule for the namespace."),
});

const target = z.strictObject({
  /** `host:port`. */
  address: z.string().min(3),
  pod: text.default(""),
  scheme: z.enum(["http", "https"]).optional(),
  /** In place of the metric's, when relabelling changed them. */
  uri: z.string().startsWith("/").optional(),
  parameters: z.record(z.string(), z.string()).optional(),
  labels: labels.default({}),
  /** Generation in which the target came into the namespace, and to this collector; not there when it came from another. */
  addedIn: z.int().min(1).optional(),
  /** Unix milliseconds from which, and until which, this collector scrapes the target. */
  fromMs: z.int().optional(),
  untilMs: z.int().optional(),
});

const collectionSpec = z.strictObject({
  /** Grows with every change of the assignment of the namespace. */
  generation: z.int().min(1),
  /** SHA-256 over the spec without this field, in hexadecimal: tells an edited file from a generated one. */
  digest: text,
  metrics: z.array(z.strictObject({ name: safeName("name"), ...scrapeFields, targets: z.array(target) })),
});

function documentOf<K extends Kind, S extends z.ZodType>(kind: K, spec: S) {
  return z.strictObject({ apiVersion: z.literal("bcs-metric/v1"), kind: z.literal(kind), metadata, spec });
}

/** One schema for each kind of document. */
export const documentSchemas = {
  Metric: documentOf("Metric", metricSpec),
  Task: documentOf("Task", taskSpec),
  Application: documentOf("Application", applicationSpec),
  Collector: documentOf("Collector", collectorSpec),
  Collection: documentOf("Collection", collectionSpec),
} as const;

export type Metadata = z.output<typeof metadata>;
export type Relabeling = z.output<typeof relabeling>;
export type ScrapeLimits = z.output<typeof limits>;
export type MetricDocument = z.output<typeof documentSchemas.Metric>;
export type TaskDocument = z.output<typeof documentSchemas.Task>;
export type ApplicationDocument = z.output<typeof documentSchemas.Application>;
export type CollectorDocument = z.output<typeof documentSchemas.Collector>;
export type CollectionDocument = z.output<typeof documentSchemas.Collection>;
export type CollectionMetric = CollectionDocument["spec"]["metrics"][number];
export type CollectionTarget = CollectionMetric["targets"][number];
export type ConfigDocument =
  | MetricDocument
  | TaskDocument
  | ApplicationDocument
  | CollectorDocument
  | CollectionDocument;

export type DocumentOf<K extends Kind> = z.output<(typeof documentSchemas)[K]>;

/** Seconds that a whole scrape may take: the metric's own timeout, else the smaller of 10 and its frequency. */
export function timeoutSeconds(metric: { readonly frequency: number; readonly timeout?: number | undefined }): number {
  return metric.timeout ?? Math.min(10, metric.frequency);
}
