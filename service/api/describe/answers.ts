import { z } from "zod";
import type { LiveRecord } from "../../../core/registry/records.ts";
import { approvalStates, auditLineSchema, noticeSchema, planSchema } from "../../autoscale/approvals/approval.ts";
import type { ApprovalRow, ShownApproval } from "../../autoscale/approvals/approval_row.ts";
import type { AutoscaleRow } from "../../autoscale/autoscale_row.ts";
import { scaleStates } from "../../autoscale/rules/step.ts";
import { type EventsSince, eventTypes, type ServiceEvent } from "../../events/event_log.ts";
import type { Explanation } from "../../explain/explanation.ts";
import type { Hold } from "../../guards/hold.ts";
import type { CollectorRow } from "../../health/collector_rows.ts";
import { targetHealths, type TargetRow } from "../../health/target_rows.ts";
import type { TrialResult } from "../../trial/trial.ts";
import { driftPolicies } from "../../workloads/next_record.ts";
import { type WorkloadRow, workloadStates } from "../../workloads/workload_rows.ts";
import type { ServiceStatus } from "../status.ts";

/** Unix milliseconds; 0 for never. */
const timeMs = z.number().meta({ description: "Unix milliseconds; 0 for never." });
const count = z.int().min(0);
const numbers = z.record(z.string(), z.number());
const health = z.enum(targetHealths);

export const targetRow = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  metric: z.string(),
  address: z.string().meta({ description: "`host:port`; empty when it is unresolved." }),
  pod: z.string(),
  endpoint: z.string().exactOptional().meta({
    description: "Address, path and parameters of a target that has some of its own; absent without.",
  }),
  collector: z.string().meta({ description: "Who scrapes it; empty when nobody does." }),
  movesTo: z.strictObject({ collector: z.string(), atMs: timeMs }).nullable().meta({
    description: "Who takes it over, and when; null for nobody.",
  }),
  health,
  error: z.string().meta({ description: "Why it is not up; empty when it is." }),
  lastScrapeMs: timeMs,
  durationMs: z.number(),
  samples: count,
  lastRecord: z.strictObject({ epoch: z.string(), sequence: count }).nullable().meta({
    description: "The collector's record that holds the last scrape; null when it does not tell.",
  }),
  generation: count,
  appliedGeneration: count,
}) satisfies z.ZodType<TargetRow>;

const next = z.string().exactOptional().meta({ description: "Asks for the next page; absent on the last." });

export const targetList = z.strictObject({ targets: z.array(targetRow), continue: next });

const collectorRow = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()).meta({ description: "Of its Collector document." }),
  state: z.enum(["starting", "running", "waiting", "stopping", "external"]),
  alive: z.boolean(),
  leaseMs: z.number(),
  renewedAtMs: timeMs,
  pid: z.int(),
  restarts: count,
  lastEnd: z.string(),
  targets: count,
  appliedGeneration: count,
  metricsAddress: z.string(),
  load: numbers,
}) satisfies z.ZodType<CollectorRow>;

export const collectorList = z.strictObject({ collectors: z.array(collectorRow), continue: next });

const workloadRow = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  name: z.string(),
  state: z.enum(workloadStates),
  image: z.string().meta({ description: "That it is to have; empty for the orchestrator's default." }),
  replicasWished: count.nullable().meta({ description: "null: nothing here asks for it." }),
  replicasApplied: count.nullable().meta({ description: "As it was applied last; null: never." }),
  replicasFound: count.nullable().meta({ description: "As it is there; null: it is not, or not known." }),
  driftPolicy: z.enum(driftPolicies),
  drift: z.array(z.strictObject({ field: z.string(), applied: z.string(), found: z.string() })).meta({
    description: "What somebody changed by hand since it was applied.",
  }),
  adopted: z.boolean().meta({ description: "Whether somebody else made it." }),
  problem: z.string().meta({ description: "Why it is not as it is wished; empty when nothing is wrong." }),
  sinceMs: timeMs,
  attempts: count,
  nextTryMs: timeMs,
}) satisfies z.ZodType<WorkloadRow>;

export const workloadList = z.strictObject({ workloads: z.array(workloadRow), continue: next });

/** Fields of other versions are handed on, so that more may come. */
export const liveRecord = z.looseObject({
  ip: z.string(),
  port: z.int(),
  metric_port: z.int().meta({ description: "Port of /metrics and /healthz." }),
  hostname: z.string(),
  scheme: z.enum(["http", "https"]),
  version: z.string(),
  cluster: z.string(),
  pid: z.int(),
  external_ip: z.string().exactOptional(),
  external_port: z.int().exactOptional(),
  module: z.enum(["service", "collector", "exporter"]),
  id: z.string(),
  namespace: z.string(),
  load: numbers,
  instance: z.string().meta({ description: "Random for each start of the process." }),
  name: z.string().exactOptional(),
  leaseMs: z.number().meta({ description: "How long it lives without being renewed." }),
  renewedAtMs: timeMs,
}) satisfies z.ZodType<LiveRecord>;

export const exporterList = z.strictObject({ exporters: z.array(liveRecord), continue: next });
export const serviceList = z.strictObject({ services: z.array(liveRecord), continue: next });

const hold = z.strictObject({
  clusterId: z.string(),
  namespace: z.string(),
  reason: z.string(),
  targetsBefore: count,
  targetsAfter: count,
  metricsGone: z.array(z.string()),
  hash: z.string().meta({ description: "Of exactly what would be removed." }),
  confirmed: z.string(),
  confirmedBy: z.string(),
}) satisfies z.ZodType<Hold>;

export const holdList = z.strictObject({ guards: z.array(hold), continue: next });

const approvalRow = z.strictObject({
  id: z.string(),
  cluster: z.string(),
  namespace: z.string(),
  state: z.enum(approvalStates),
  from: count.meta({ description: "Collectors." }),
  to: count,
  reasons: z.array(z.string()),
  targetsMoving: count,
  hash: z.string().meta({ description: "Of the whole plan: a decision is about this and nothing else." }),
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  changedAtMs: timeMs,
  by: z.string(),
  detail: z.string(),
}) satisfies z.ZodType<ApprovalRow>;

export const approvalList = z.strictObject({ approvals: z.array(approvalRow), continue: next });

export const approvalDetail = z.strictObject({
  id: z.string(),
  clusterId: z.string(),
  namespace: z.string(),
  state: z.enum(approvalStates),
  plan: planSchema,
  hash: z.string(),
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  trail: z.array(auditLineSchema),
  notices: z.record(z.string(), noticeSchema).meta({ description: "By notifier: what became of telling it." }),
}) satisfies z.ZodType<ShownApproval>;

const autoscaleRow = z.strictObject({
  cluster: z.string(),
  namespace: z.string(),
  state: z.enum(scaleStates),
  detail: z.string(),
  replicas: count,
  declared: count.meta({ description: "What the documents ask for." }),
  min: count,
  max: count,
  approval: z.string().meta({ description: "Id of the plan that is open; empty for none." }),
  source: z.string(),
}) satisfies z.ZodType<AutoscaleRow>;

export const autoscaleList = z.strictObject({ autoscale: z.array(autoscaleRow), continue: next });

const problemPlace = z.strictObject({ path: z.string(), line: z.int(), column: z.int(), message: z.string() });

export const serviceStatus = z.strictObject({
  store: z.strictObject({ synced: z.boolean(), reason: z.string() }),
  unread: z.array(z.strictObject({ source: z.string(), cluster: z.string() })).meta({
    description: "Sources that have not been read since the service started; the cluster is empty for every cluster.",
  }),
  leader: z.strictObject({ leading: z.boolean(), epoch: z.int(), leader: z.string() }),
  guards: z.array(hold),
  documents: z.record(z.string(), count).meta({ description: "Number of files by state." }),
  problems: z.array(problemPlace),
  targets: z.record(health, count),
  collectors: z.array(
    collectorRow.pick({
      cluster: true,
      namespace: true,
      name: true,
      state: true,
      alive: true,
      restarts: true,
      targets: true,
    }),
  ),
  workloads: z.array(workloadRow),
}) satisfies z.ZodType<ServiceStatus>;

const step = z.strictObject({
  step: z.enum([
    "definition",
    "selector",
    "discovery",
    "address",
    "assignment",
    "collector",
    "last scrape",
    "delivery",
  ]),
  ok: z.boolean().nullable().meta({ description: "null: not known (yet)." }),
  detail: z.string(),
  problems: z.array(problemPlace).exactOptional(),
});

export const explanation = z.strictObject({
  ok: z.boolean().nullable(),
  verdict: z.string(),
  chains: z.array(z.strictObject({
    cluster: z.string(),
    namespace: z.string(),
    metric: z.string(),
    pod: z.string(),
    address: z.string(),
    ok: z.boolean().nullable(),
    verdict: z.string(),
    steps: z.array(step),
  })),
  chainsOmitted: count,
  nearMisses: z.array(z.strictObject({
    cluster: z.string(),
    namespace: z.string(),
    metric: z.string(),
    pod: z.string(),
    reason: z.string(),
  })),
  nearMissesOmitted: count,
}) satisfies z.ZodType<Explanation>;

const event = z.strictObject({
  id: z.string(),
  timeMs,
  type: z.enum(eventTypes),
  cluster: z.string(),
  namespace: z.string(),
  name: z.string(),
  detail: z.string(),
}) satisfies z.ZodType<ServiceEvent>;

export const eventList = z.strictObject({
  events: z.array(event),
  last: z.string(),
  missed: z.boolean(),
}) satisfies z.ZodType<EventsSince>;

export const trialResult = z.strictObject({
  ok: z.boolean(),
  target: z.strictObject({ address: z.string(), pod: z.string() }),
  targets: count,
  request: z.strictObject({ method: z.string(), url: z.string() }),
  status: z.int().meta({ description: "Of the HTTP response; 0 when there was none." }),
  contentType: z.string(),
  durationMs: z.number(),
  bodyBytes: count,
  note: z.string(),
  samples: count,
  series: count,
  families: count,
  duplicates: count,
  first: z.array(z.strictObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()),
    value: z.union([z.number(), z.string()]),
    timestampMs: z.number().exactOptional(),
    type: z.string().exactOptional(),
  })),
  problems: z.array(z.string()),
  error: z.strictObject({
    message: z.string(),
    line: z.int().exactOptional(),
    column: z.int().exactOptional(),
  }).nullable(),
}) satisfies z.ZodType<TrialResult>;
