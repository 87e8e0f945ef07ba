import { z } from "zod";
import { seatMessage } from "../../../core/registry/ordinals/seat.ts";
import { serviceLedger } from "../../../core/telemetry/ledger_answer.ts";
import { approvalStates } from "../../autoscale/approvals/approval.ts";
import { targetHealths } from "../../health/target_rows.ts";
import { workloadStates } from "../../workloads/workload_rows.ts";
import { viewLimitMax } from "../view_page.ts";
import {
  approvalDetail,
  approvalList,
  autoscaleList,
  collectorList,
  eventList,
  explanation,
  exporterList,
  holdList,
  liveRecord,
  serviceList,
  serviceStatus,
  targetList,
  trialResult,
  workloadList,
} from "./answers.ts";
import { oldRoutes } from "./old_routes.ts";
import { eventStream, json, type RouteDoc, text } from "./route_doc.ts";

const name = z.string().min(1).optional();
const filters = {
  cluster: name.meta({ description: "Only of this cluster." }),
  namespace: name.meta({ description: "Only of this namespace." }),
};
const paging = {
  labelSelector: z.string().optional().meta({
    description:
      "Such as `state=running,alive!=false`: of the fields that hold one text, number or truth, and of labels.",
  }),
  limit: z.int().min(1).max(viewLimitMax).optional().meta({ description: "Rows on a page; all without it." }),
  continue: z.string().optional().meta({ description: "What the page before gave as `continue`." }),
};
const metric = { $ref: "#/components/schemas/Metric" };
const hash = z.strictObject({ hash: z.string().min(1) });
const lease = z.strictObject({ leaseMs: z.number() });
const lastEventId = z.string().optional().meta({ description: "Id of the last event that the client has." });
const place = { cluster: z.string(), namespace: z.string(), instance: z.string() };

const targetStatus = z.looseObject({
  metric: z.string(),
  address: z.string(),
  pod: z.string(),
  health: z.enum(["up", "down", "unknown"]),
  lastScrapeMs: z.number(),
  durationMs: z.number(),
  samples: z.number(),
  bodyBytes: z.number().optional(),
  error: z.string(),
});
const collectorStatus = z.looseObject({
  collector: z.string(),
  generation: z.int().min(0),
  reportedAtMs: z.number(),
  targets: z.array(targetStatus),
});
const statusReport = z.union([
  collectorStatus,
  z.object({ sinceMs: z.number(), status: collectorStatus, removed: z.array(z.string()) }),
]);

const views: Record<string, RouteDoc> = {
  "GET /v1/targets": {
    summary: "Targets with owner and health",
    tag: "views",
    query: {
      ...filters,
      metric: name,
      collector: name,
      health: z.enum(targetHealths).optional(),
      ...paging,
    },
    answers: { 200: json(targetList) },
    refusals: [400],
  },
  "GET /v1/collectors": {
    summary: "Collectors with state, lease and load",
    tag: "views",
    query: { ...filters, ...paging },
    answers: { 200: json(collectorList) },
    refusals: [400],
  },
  "GET /v1/workloads": {
    summary: "Collector workloads with wished, applied and found replicas, drift and problems",
    tag: "views",
    query: { ...filters, state: z.enum(workloadStates).optional(), ...paging },
    answers: { 200: json(workloadList) },
    refusals: [400],
  },
  "GET /v1/exporters": {
    summary: "Exporters in the registry, with lease and load",
    tag: "views",
    query: paging,
    answers: { 200: json(exporterList) },
    refusals: [400],
  },
  "GET /v1/services": {
    summary: "Services in the registry, with lease and load",
    tag: "views",
    query: paging,
    answers: { 200: json(serviceList) },
    refusals: [400],
  },
  "GET /v1/ledger": {
    summary: "What became of every record, by sink, over all live exporters",
    tag: "views",
    query: {
      ...filters,
      collector: name,
      epoch: name.meta({ description: "Only of this start of a collector; with it, how far its records have come." }),
    },
    answers: { 200: json(serviceLedger) },
    refusals: [400],
  },
  "GET /v1/status": {
    summary: "The system at a glance, with each configuration problem and its place",
    tag: "views",
    answers: { 200: json(serviceStatus) },
    refusals: [400],
  },
  "GET /v1/explain": {
    summary: "Why a pod, a target or a metric is scraped, or is not: one of pod, target and metric",
    tag: "views",
    query: { pod: name, target: name.meta({ description: "`host:port`." }), metric: name, ...filters },
    answers: { 200: json(explanation) },
    refusals: [400, 503],
  },
  "GET /v1/events": {
    summary: "What happens, as server-sent events; with `since`, what has happened, as JSON",
    tag: "views",
    query: { ...filters, since: z.string().optional().meta({ description: "An id; empty for all that are kept." }) },
    headers: { "last-event-id": lastEventId },
    answers: {
      200: {
        description: "Events are named by their type; `missed`: some are gone.",
        content: { "text/event-stream": z.string(), "application/json": eventList },
      },
    },
    refusals: [400, 503],
  },
  "POST /v1/clusters/{cluster}/namespaces/{namespace}/metrics/{name}/trial": {
    summary: "Scrapes one instance now, with the definition in the body or the one in force",
    tag: "metrics",
    query: { pod: name, address: name.meta({ description: "`host:port`." }) },
    body: { "application/yaml": metric, "application/json": metric },
    bodyRequired: false,
    answers: { 200: json(trialResult) },
    refusals: [400, 404, 413, 422, 429, 503],
  },
};

const guards: Record<string, RouteDoc> = {
  "GET /v1/guards": {
    summary: "Changes that are held back because they would remove too many targets",
    tag: "guards",
    query: { ...filters, ...paging },
    answers: { 200: json(holdList) },
    refusals: [400],
  },
  "POST /v1/guards/{cluster}/{namespace}/confirm": {
    summary: "Lets a held change happen",
    tag: "guards",
    body: { "application/json": hash },
    answers: { 202: json(z.strictObject({ confirmed: z.string() })) },
    refusals: [400, 404, 409, 413, 503],
  },
  "POST /v1/guards/{cluster}/{namespace}/discard": {
    summary: "Forgets a held change and its confirmation; what is still wanted is held anew",
    tag: "guards",
    body: { "application/json": hash },
    answers: { 202: json(z.strictObject({ discarded: z.string() })) },
    refusals: [400, 404, 409, 413, 503],
  },
};

const decided = json(z.strictObject({ id: z.string(), state: z.enum(approvalStates) }));
const page = (description: string) => text("text/html", description);
const linkQuery = { expires: z.string().optional(), signature: z.string().optional() };
const linkPages = {
  200: page("A page."),
  403: page("The link is not valid."),
  409: page("The plan is decided already, or void."),
  410: page("The plan has expired."),
  503: page("Links cannot be checked now, or the decision cannot be kept."),
};

const approvals: Record<string, RouteDoc> = {
  "GET /v1/autoscale": {
    summary: "What the leader last found of the namespaces with a rule; empty at the other services",
    tag: "approvals",
    query: { ...filters, ...paging },
    answers: { 200: json(autoscaleList) },
    refusals: [400],
  },
  "GET /v1/approvals": {
    summary: "Plans for other numbers of collectors",
    tag: "approvals",
    query: { ...filters, state: z.enum(approvalStates).optional(), ...paging },
    answers: { 200: json(approvalList) },
    refusals: [400],
  },
  "GET /v1/approvals/{id}": {
    summary: "A plan with its moves, predicted load, audit trail and notices",
    tag: "approvals",
    answers: { 200: json(approvalDetail) },
    refusals: [400, 404],
  },
  "POST /v1/approvals/{id}/approve": {
    summary: "Approves exactly the plan with this hash",
    tag: "approvals",
    body: { "application/json": hash },
    answers: { 202: decided },
    refusals: [400, 404, 409, 413, 503],
  },
  "POST /v1/approvals/{id}/reject": {
    summary: "Rejects exactly the plan with this hash",
    tag: "approvals",
    body: { "application/json": hash },
    answers: { 202: decided },
    refusals: [400, 404, 409, 413, 503],
  },
  "GET /approvals/{id}/{action}": {
    summary: "The page of a signed link: asks whether it is meant, and changes nothing",
    tag: "approvals",
    query: linkQuery,
    answers: linkPages,
    open: true,
  },
  "POST /approvals/{id}/{action}": {
    summary: "Decides a plan by a signed link, once",
    tag: "approvals",
    query: linkQuery,
    body: { "application/x-www-form-urlencoded": z.object({ name: z.string().optional() }) },
    bodyRequired: false,
    answers: { ...linkPages, 413: page("The form is too large.") },
    open: true,
  },
};

const streams: Record<string, RouteDoc> = {
  "GET /v1/stream": {
    summary: "The assignment of a collector",
    tag: "for collectors",
    query: {
      cluster: z.string(),
      namespace: z.string(),
      collector: z.string(),
      applications: z.string().optional().meta({ description: "Names with commas: only targets of these." }),
    },
    headers: { "last-event-id": lastEventId },
    answers: { 200: eventStream("collection, unchanged, absent, unavailable") },
    refusals: [400, 503],
  },
  "PUT /v1/clusters/{cluster}/namespaces/{namespace}/collectors/{collector}/status": {
    summary: "The status that a collector reports, whole or what changed",
    tag: "for collectors",
    body: { "application/json": statusReport },
    answers: { 204: { description: "It was taken." } },
    refusals: [400, 409, 413, 503],
  },
  "PUT /v1/registry/collectors/{id}": {
    summary: "Puts a collector's record into the registry",
    tag: "for collectors",
    body: { "application/json": liveRecord.omit({ leaseMs: true, renewedAtMs: true }) },
    answers: { 200: json(lease) },
    refusals: [400, 409, 413, 503],
  },
  "POST /v1/registry/collectors/{id}": {
    summary: "Renews a collector's record in the registry",
    tag: "for collectors",
    body: { "application/json": z.object({ ...place, load: z.record(z.string(), z.number()) }) },
    answers: { 200: json(lease) },
    refusals: [400, 404, 409, 413, 503],
  },
  "DELETE /v1/registry/collectors/{id}": {
    summary: "Withdraws a collector's record from the registry",
    tag: "for collectors",
    query: place,
    answers: { 204: { description: "It is gone, or was not of this instance." } },
    refusals: [400, 503],
  },
};

const numbered = { cluster: z.string(), namespace: z.string(), workload: z.string() };
const claimBody = { "application/json": z.object({ ...numbered, seat: seatMessage }) };
const heldAnswer = json(z.strictObject({ held: z.boolean() }));
const ordinals: Record<string, RouteDoc> = {
  "GET /v1/registry/ordinals": {
    summary: "Claims to numbers among the collectors of one name",
    tag: "for collectors",
    query: numbered,
    answers: { 200: json(z.strictObject({ seats: z.array(seatMessage) })) },
    refusals: [400, 503],
  },
  "POST /v1/registry/ordinals/claim": {
    summary: "Claims a number; held is false when another was faster",
    tag: "for collectors",
    body: claimBody,
    answers: { 200: heldAnswer },
    refusals: [400, 413, 503],
  },
  "POST /v1/registry/ordinals/renew": {
    summary: "Renews a claim to a number, or gives it back; held is false when it is another's",
    tag: "for collectors",
    body: claimBody,
    answers: { 200: heldAnswer },
    refusals: [400, 413, 503],
  },
};

const generated = (verb: string): RouteDoc => ({
  summary: `Refused: collections are generated, nobody can ${verb} them`,
  tag: "collections",
  answers: {},
  refusals: [405],
});
const collection = "/v1/clusters/{cluster}/namespaces/{namespace}/collections/{name}";

const process: Record<string, RouteDoc> = {
  [`PUT ${collection}`]: generated("write"),
  [`DELETE ${collection}`]: generated("remove"),
  "GET /openapi.json": {
    summary: "This description",
    tag: "process",
    answers: { 200: json(z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) })) },
  },
  "GET /docs": {
    summary: "This description as a page that asks for a token; it holds none of it itself",
    tag: "process",
    answers: { 200: text("text/html", "A page.") },
    open: true,
  },
  "GET /metrics": {
    summary: "The service's own metrics",
    tag: "process",
    answers: { 200: text("text/plain", "A Prometheus exposition.") },
    open: true,
  },
  "GET /healthz": {
    summary: "Whether the process is alive",
    tag: "process",
    answers: { 200: text("text/plain", "`ok`") },
    open: true,
  },
  "GET /readyz": {
    summary: "Whether the service can work",
    tag: "process",
    answers: {
      200: text("text/plain", "It can; what is missing all the same is said."),
      503: text("text/plain", "Why it cannot."),
    },
    open: true,
  },
};

/** What the routes do, by method and path, that are no documents' (`service/api/resources.ts`). */
export const routeDocs: Readonly<Record<string, RouteDoc>> = {
  ...views,
  ...guards,
  ...approvals,
  ...streams,
  ...ordinals,
  ...process,
  ...oldRoutes,
};
