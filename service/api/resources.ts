import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { type DocumentKey, keyOfPath } from "../../core/config/key.ts";
import { nameProblem } from "../../core/config/names.ts";
import type { Kind } from "../../core/config/schema.ts";
import type { Documents, StoredDocument } from "../documents/documents.ts";
import type { WorkloadRow } from "../workloads/workload_rows.ts";
import { identityOf, mayRead, type Need, requireScope } from "./auth.ts";
import { onRevoked } from "./authenticate.ts";
import { readDocumentBody } from "./body.ts";
import { limitDefault, limitMax, pageOf, readContinue } from "./document_list.ts";
import { answerDocumentError } from "./document_problem.ts";
import type { DocumentWatches, Watched } from "./document_watch.ts";
import { type LabelSelector, matchesLabels, readLabelSelector } from "./label_selector.ts";
import { problem } from "./problem.ts";
import { onlyParameters } from "./query.ts";
import { answerDocument, answerValue, represent } from "./representation.ts";
import { describe, jsonOf, listOf, refusals } from "./resource_docs.ts";

export interface ResourceDeps {
  readonly documents: Documents;
  readonly watches: DocumentWatches;
  /** How the workload of a Collector document stands; nothing is known of any by default. */
  workloadOf?(key: DocumentKey): WorkloadRow | undefined;
}

/** The kinds of document, by the segment of the path that names them. */
export const resources = {
  metrics: "Metric",
  tasks: "Task",
  applications: "Application",
  collectors: "Collector",
  collections: "Collection",
} as const satisfies Record<string, Kind>;

/** Seconds after which a client may try again to open a watch that was refused. */
const retryAfterSeconds = 5;

/** In the place of a cluster or a namespace in a list's path: all of them. No name can be that. */
const everywhere = "-";

const limitProblem = `must be a number from 1 to ${limitMax}`;
const listQuery = z.object({
  limit: z.coerce.number(limitProblem).int(limitProblem).min(1, limitProblem).max(limitMax, limitProblem).default(
    limitDefault,
  ).openapi({
    description: "Items on a page.",
  }),
  continue: z.string().optional().openapi({ description: "What the page before gave as `continue`." }),
  labelSelector: z.string().optional().openapi({ description: "Such as `team=trade,tier!=test,owner,!legacy`." }),
  watch: z.enum(["true", "false"], "must be true or false").optional().openapi({
    description: "`true`: server-sent events instead: reset, put for each, synced, then put and delete.",
  }),
  after: z.string().optional().openapi({
    description:
      "For a watch, as the header Last-Event-ID: the client has everything up to this `revision` or event id.",
  }),
});
type ListQuery = z.output<typeof listQuery>;

/**
 * The documents as resources, below `/v1/clusters/{cluster}/namespaces/{namespace}`:
 *
 * | route                        | answer                                                                         |
 * | ---------------------------- | ------------------------------------------------------------------------------ |
 * | `GET /{resource}`            | `{items, revision, continue?}`; `limit`, `continue`, `labelSelector`, `watch`, `after` |
 * | `GET /{resource}/{name}`     | the document with its ETag; as YAML the file itself                            |
 * | `PUT /{resource}/{name}`     | 201 or 200; JSON or YAML, `If-Match`, `If-None-Match: *`                       |
 * | `DELETE /{resource}/{name}`  | 204; `If-Match`                                                                |
 */
export function resourceRoutes(deps: ResourceDeps): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result, context) => {
      if (result.success) return undefined;
      const [issue] = result.error.issues;
      return problem(context, 400, "Bad request", `${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
    },
  });
  for (const [plural, kind] of Object.entries(resources)) addResource(app, deps, plural, kind);
  return app;
}

function addResource(app: OpenAPIHono, deps: ResourceDeps, plural: string, kind: Kind): void {
  const folder = `/v1/clusters/{cluster}/namespaces/{namespace}/${plural}`;
  const one = `${folder}/{name}`;
  const docs = describe(kind, plural);
  const listed = createRoute({
    ...docs.list,
    method: "get",
    path: folder,
    middleware: [requireScope(listNeed), onlyParameters(...Object.keys(listQuery.shape))] as const,
    request: { params: docs.placeParams, query: listQuery },
    responses: { ...listOf(kind), ...refusals(400, 401, 403, 503) },
  });
  app.openapi(listed, (context) => list(context, deps, kind, context.req.valid("query")));
  const got = createRoute({
    ...docs.get,
    method: "get",
    path: one,
    middleware: [requireScope(needOf("read")), onlyParameters()] as const,
    request: { params: docs.nameParams },
    responses: { ...jsonOf(kind, 200, "The document."), ...refusals(400, 401, 403, 404) },
  });
  app.openapi(got, (context) => get(context, deps, kind));
  if (kind === "Collection") {
    app.on(["PUT", "DELETE"], one.replaceAll(/\{(\w+)\}/g, ":$1"), requireScope(needOf("write")), (context) => {
      const answer = problem(context, 405, "Generated document", "collections are written by the service alone");
      answer.headers.set("allow", "GET");
      return answer;
    });
    return;
  }
  const put = createRoute({
    ...docs.put,
    method: "put",
    path: one,
    middleware: [requireScope(needOf("write")), onlyParameters()] as const,
    request: { params: docs.nameParams, headers: docs.putHeaders, body: docs.body },
    responses: {
      ...jsonOf(kind, 200, "It was changed, or is as it was: see the header bcs-metric-outcome."),
      ...jsonOf(kind, 201, "It was created."),
      ...refusals(400, 401, 403, 409, 412, 413, 415, 503),
    },
  });
  app.openapi(put, (context) => putDocument(context, deps, kind));
  const deleted = createRoute({
    ...docs.delete,
    method: "delete",
    path: one,
    middleware: [requireScope(needOf("write")), onlyParameters()] as const,
    request: { params: docs.nameParams, headers: docs.deleteHeaders },
    responses: { 204: { description: "It is gone." }, ...refusals(400, 401, 403, 404, 409, 412, 503) },
  });
  app.openapi(deleted, (context) => deleteDocument(context, deps, kind));
}

function list(context: Context, deps: ResourceDeps, kind: Kind, query: ListQuery): Response {
  const read = readLabelSelector(query.labelSelector ?? "");
  if (!read.ok) return problem(context, 400, "Bad selector", read.problem);
  const { clusterId, namespace } = placeOf(context);
  for (const name of [clusterId, namespace]) {
    const wrong = name === everywhere ? null : nameProblem(name);
    if (wrong !== null) return problem(context, 400, "Bad name", `"${name}" ${wrong}`);
  }
  const wanted = {
    kind,
    clusterId: clusterId === everywhere ? undefined : clusterId,
    namespace: namespace === everywhere ? undefined : namespace,
  };
  const visible = (stored: StoredDocument) => isVisible(context, stored, read.selector);
  if (query.watch === "true") {
    const isPlace = (key: DocumentKey) =>
      key.kind === kind && (wanted.clusterId ?? key.clusterId) === key.clusterId
      && (wanted.namespace ?? key.namespace) === key.namespace;
    return watch(context, deps, query.after, {
      list: () => deps.documents.list(wanted).filter(visible),
      includes: (stored) => isPlace(stored.key) && visible(stored),
      mayHaveIncluded: (key) => isPlace(key) && mayRead(context, key.clusterId, key.namespace),
    });
  }
  // Taken before the documents, so that a watch after it misses nothing.
  const revision = deps.watches.position;
  const after = query.continue === undefined ? null : readContinue(query.continue);
  if (after !== null && keyOfPath(after)?.kind !== kind) {
    return problem(context, 400, "Bad page", `continue "${query.continue}" must be what the page before gave`);
  }
  const page = pageOf(deps.documents.list(wanted).filter(visible), query.limit, after);
  const more = page.next === null ? {} : { continue: page.next };
  return answerValue(context, { items: page.items.map((stored) => represent(stored)), revision, ...more });
}

function isVisible(context: Context, { key, document }: StoredDocument, selector: LabelSelector): boolean {
  return mayRead(context, key.clusterId, key.namespace) && matchesLabels(document.metadata.labels, selector);
}

function watch(context: Context, deps: ResourceDeps, after: string | undefined, watched: Watched): Response {
  let stop = () => {};
  const opened = deps.watches.open(watched, context.req.header("last-event-id") ?? after, () => stop());
  if (opened === null) {
    context.header("retry-after", String(retryAfterSeconds));
    return problem(context, 503, "Too many watches", "this service serves as many as it can");
  }
  stop = onRevoked(context, () => opened.close());
  return context.body(opened.body, 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // Proxies of the nginx family would hold events back otherwise.
    "x-accel-buffering": "no",
  });
}

function get(context: Context, deps: ResourceDeps, kind: Kind): Response {
  const { documents } = deps;
  const key = keyOf(context, kind);
  const stored = documents.get(key);
  if (stored !== null) {
    const workload = key.kind === "Collector" ? deps.workloadOf?.(key) : undefined;
    return answerDocument(context, stored, 200, {}, workload === undefined ? {} : { workload });
  }
  const status = documents.fileStatus(key);
  if (status === null) return missing(context, key);
  const problems = status.problems.map(({ line, column, message }) => ({ line, column, message }));
  const detail = `the file of this ${kind} never took effect: it is ${status.state}`;
  return problem(context, 404, "Not found", detail, { problems });
}

async function putDocument(context: Context, { documents }: ResourceDeps, kind: Kind): Promise<Response> {
  const condition = readCondition(context);
  if (!condition.ok) return problem(context, 400, "Bad condition", condition.problem);
  const read = await readDocumentBody(context);
  if (!read.ok) return read.answer;
  const { value, source } = read.body;
  try {
    const options = { key: keyOf(context, kind), ifMatch: condition.ifMatch, by: identityOf(context).name, source };
    const { outcome, stored } = await documents.put(value, options);
    const headers = { "bcs-metric-outcome": outcome };
    if (outcome !== "created") return answerDocument(context, stored, 200, headers);
    return answerDocument(context, stored, 201, { ...headers, location: new URL(context.req.url).pathname });
  } catch (error) {
    return answerDocumentError(context, error);
  }
}

async function deleteDocument(context: Context, { documents }: ResourceDeps, kind: Kind): Promise<Response> {
  const condition = readCondition(context);
  if (!condition.ok) return problem(context, 400, "Bad condition", condition.problem);
  const key = keyOf(context, kind);
  try {
    const ifMatch = condition.ifMatch ?? undefined;
    const outcome = await documents.delete(key, { ifMatch, by: identityOf(context).name });
    return outcome === "deleted" ? context.body(null, 204) : missing(context, key);
  } catch (error) {
    return answerDocumentError(context, error);
  }
}

/** The revision that If-Match asks for; null for `If-None-Match: *`. */
function readCondition(
  context: Context,
): { readonly ok: true; readonly ifMatch: string | null | undefined } | {
  readonly ok: false;
  readonly problem: string;
} {
  const match = context.req.header("if-match")?.trim();
  const noneMatch = context.req.header("if-none-match")?.trim();
  if (noneMatch !== undefined) {
    return noneMatch === "*" && match === undefined
      ? { ok: true, ifMatch: null }
      : { ok: false, problem: "If-None-Match can only be *, and alone: the document must not exist" };
  }
  if (match === undefined || match === "*") return { ok: true, ifMatch: match };
  const etag = /^"([^"]+)"$/.exec(match)?.[1];
  if (etag !== undefined) return { ok: true, ifMatch: etag };
  return { ok: false, problem: 'If-Match must be * or one ETag in quotes, such as "6f1c…"' };
}

function missing(context: Context, { kind, clusterId, namespace, name }: DocumentKey): Response {
  return problem(context, 404, "Not found", `there is no ${kind} "${name}" in ${clusterId}/${namespace}`);
}

function placeOf(context: Context): { clusterId: string; namespace: string } {
  return { clusterId: context.req.param("cluster") ?? "", namespace: context.req.param("namespace") ?? "" };
}

function keyOf(context: Context, kind: Kind): DocumentKey {
  return { kind, ...placeOf(context), name: context.req.param("name") ?? "" };
}

function needOf(action: "read" | "write"): (context: Context) => Need {
  return (context) => ({ action, ...placeOf(context) });
}

/** What is listed across namespaces is only what the client may see. */
function listNeed(context: Context): Need {
  const place = placeOf(context);
  if (place.clusterId === everywhere || place.namespace === everywhere) return { action: "any" };
  return { action: "read", ...place };
}
