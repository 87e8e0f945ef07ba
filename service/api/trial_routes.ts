import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { checkDraft } from "../../core/config/document.ts";
import { type DocumentKey, documentPath } from "../../core/config/key.ts";
import { nameProblem } from "../../core/config/names.ts";
import type { MetricDocument } from "../../core/config/schema.ts";
import { readYaml, yamlBytesMax } from "../../core/config/yaml.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { ScrapeAccess } from "../../core/scrape/mod.ts";
import { version } from "../../core/version.ts";
import { completeDraft } from "../documents/draft.ts";
import { describeProblem, type DocumentProblem, withFields } from "../documents/problem_fields.ts";
import type { Sources } from "../targets/sources.ts";
import { NoTargetError, TrialGate, tryMetric } from "../trial/mod.ts";
import { identityOf, requireScope } from "./auth.ts";
import { problem } from "./problem.ts";
import { onlyParameters } from "./query.ts";

const retryAfterSeconds = 5;

export interface TrialRoutesDeps {
  readonly clock: Clock;
  readonly frequencyMinSeconds: number;
  /** What trials of a namespace's metrics may reach. Default: no secrets, no proxies. */
  access?(place: { readonly cluster: string; readonly namespace: string }): ScrapeAccess;
  /** Where targets come from; null while not everything has been read. */
  sources(): Sources | null;
  /** The metric in force; null when there is none. */
  metric(key: DocumentKey & { readonly kind: "Metric" }): MetricDocument | null;
}

type Refusal = { readonly ok: false; readonly answer: Response };

/**
 * `POST /v1/clusters/{c}/namespaces/{ns}/metrics/{name}/trial`: scrapes one of the metric's targets now, from this
 * service, and answers with a `TrialResult`. The body may hold a draft of the metric, as YAML or JSON, which counts
 * in place of the stored one; `?pod=` and `?address=` choose among its targets. Each caller makes one trial at a time.
 */
export function trialRoutes(deps: TrialRoutesDeps): Hono {
  const app = new Hono();
  const gate = new TrialGate();
  const write = (context: Context) => ({ action: "write" as const, ...placeOf(context) });
  app.post(
    "/v1/clusters/:cluster/namespaces/:namespace/metrics/:name/trial",
    requireScope(write),
    onlyParameters("pod", "address"),
    bodyLimit({ maxSize: yamlBytesMax, onError: tooLarge }),
    async (context) => {
      const leave = gate.enter(identityOf(context).name);
      if (leave === null) {
        context.header("retry-after", String(retryAfterSeconds));
        return problem(context, 429, "Too many trials", "another trial is under way; wait for its end");
      }
      try {
        return await answerTrial(context, deps);
      } finally {
        leave();
      }
    },
  );
  return app;
}

async function answerTrial(context: Context, deps: TrialRoutesDeps): Promise<Response> {
  const key = { ...placeOf(context), kind: "Metric" as const, name: context.req.param("name") ?? "" };
  const read = await readMetric(context, key, deps);
  if (!read.ok) return read.answer;
  const sources = deps.sources();
  if (sources === null) return problem(context, 503, "Not ready", "the targets have not been read completely yet");
  const unread = sources.problemOf(key.clusterId);
  if (unread !== "") return problem(context, 503, "Not ready", unread);
  const { pod, address } = context.req.query();
  try {
    const access = deps.access?.({ cluster: key.clusterId, namespace: key.namespace });
    const { clock } = deps;
    return context.json(await tryMetric({ metric: read.metric, sources, pod, address, clock, access, version }));
  } catch (error) {
    if (!(error instanceof NoTargetError)) throw error;
    const unresolved = error.unresolved.slice(0, 20);
    return problem(context, 422, "Nothing to scrape", error.message, { unresolved });
  }
}

async function readMetric(
  context: Context,
  key: DocumentKey & { readonly kind: "Metric" },
  deps: TrialRoutesDeps,
): Promise<{ readonly ok: true; readonly metric: MetricDocument } | Refusal> {
  for (const [what, name] of Object.entries({ cluster: key.clusterId, namespace: key.namespace, metric: key.name })) {
    const reason = nameProblem(name);
    if (reason !== null) return refuse(problem(context, 400, "Bad name", `the ${what}'s name ${reason}`));
  }
  const text = await context.req.text();
  if (text.trim() === "") {
    const metric = deps.metric(key);
    if (metric !== null) return { ok: true, metric };
    const detail = `no metric ${documentPath(key)} is in force; send a draft of it as the body`;
    return refuse(problem(context, 404, "Not found", detail));
  }
  const read = readYaml(text);
  if (!read.ok) return refuse(invalid(context, read.problems.map((one) => ({ ...one, field: "" }))));
  const { value } = read.document;
  const options = { frequencyMinSeconds: deps.frequencyMinSeconds, key };
  const checked = checkDraft(documentPath(key), completeDraft(value, key), options, read.document);
  if (!checked.ok) return refuse(invalid(context, withFields(checked.problems, value, read.document)));
  if (checked.document.kind === "Metric") return { ok: true, metric: checked.document };
  return refuse(problem(context, 400, "Invalid document", "it is no Metric"));
}

function invalid(context: Context, all: readonly Omit<DocumentProblem, "path">[]): Response {
  const problems = all.map(({ line, column, field, message }) => ({ line, column, field, message }));
  const [first] = all;
  const detail = first === undefined ? "" : `${first.line}:${first.column}: ${describeProblem(first)}`;
  return problem(context, 400, "Invalid document", detail, { problems });
}

function refuse(answer: Response): Refusal {
  return { ok: false, answer };
}

function placeOf(context: Context): { clusterId: string; namespace: string } {
  return { clusterId: context.req.param("cluster") ?? "", namespace: context.req.param("namespace") ?? "" };
}

function tooLarge(context: Context): Response {
  return problem(context, 413, "Body too large", `a draft has at most ${yamlBytesMax} bytes`);
}
