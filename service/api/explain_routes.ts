import { type Context, Hono } from "hono";
import { z } from "zod";
import { keyOfPath } from "../../core/config/key.ts";
import { type DeliveryView, explain, type ExplainQuery, type ExplainView, type Explanation } from "../explain/mod.ts";
import { allows, identityOf, mayRead, requireScope } from "./auth.ts";
import { problem } from "./problem.ts";

/** `query` is that of an exporter's `/v1/ledger`. It never rejects. */
export type AskExporters = (query: string) => Promise<DeliveryView>;

const namespacesAskedMax = 5;

const text = z.string().min(1).optional();
const querySchema = z.strictObject({ pod: text, target: text, metric: text, cluster: text, namespace: text });

/**
 * `GET /v1/explain?pod=|target=|metric=`, with filters `cluster` and `namespace`: why something is scraped or not, as
 * an `Explanation` (docs/explain.md). What the token may not read is as if it were not there.
 *
 * @param look what the service knows now; null while it does not know enough.
 * @param ask what the exporters know of the records of a namespace, asked now.
 */
export function explainRoutes(look: () => Promise<ExplainView | null>, ask: AskExporters): Hono {
  const app = new Hono();
  app.get("/v1/explain", requireScope({ action: "any" }), async (context) => {
    const read = readQuery(context.req.query());
    if (!read.ok) return problem(context, 400, "Bad question", read.problem);
    const view = await look();
    if (view === null) return problem(context, 503, "Not ready", "the configuration has not been read completely yet");
    const seen = readable(context, view);
    const delivery = await askFor(explain(read.query, seen), ask);
    return context.json(explain(read.query, { ...seen, delivery }));
  });
  return app;
}

/** Asks the exporters of the namespaces whose scrapes are on their way, of so many at most. */
async function askFor({ chains }: Explanation, ask: AskExporters): Promise<DeliveryView> {
  const queries = new Set(
    chains.filter(({ steps }) => steps.some(({ step }) => step === "delivery"))
      .map(({ cluster, namespace }) => `?${new URLSearchParams({ cluster, namespace }).toString()}`),
  );
  const answers = await Promise.all([...queries].slice(0, namespacesAskedMax).map((query) => ask(query)));
  return {
    exporters: answers.flatMap(({ exporters }) => exporters),
    unreachable: answers[0]?.unreachable ?? [],
  };
}

function readQuery(
  query: Readonly<Record<string, string>>,
): { readonly ok: true; readonly query: ExplainQuery } | { readonly ok: false; readonly problem: string } {
  const read = querySchema.safeParse(query);
  if (!read.success) {
    const [issue] = read.error.issues;
    const known = Object.keys(querySchema.shape).join(", ");
    return issue?.code === "unrecognized_keys"
      ? { ok: false, problem: `unknown parameter "${issue.keys[0]}"; there are ${known}` }
      : { ok: false, problem: `${String(issue?.path[0] ?? "")} must not be empty` };
  }
  const { pod, target, metric } = read.data;
  const asked = [pod, target, metric].filter((one) => one !== undefined).length;
  if (asked !== 1) return { ok: false, problem: "ask for one of pod, target (its host:port) and metric" };
  return { ok: true, query: read.data };
}

function readable(context: Context, view: ExplainView): ExplainView {
  if (allows(identityOf(context), { action: "read-all" })) return view;
  const keep = (cluster: string, namespace: string) => mayRead(context, cluster, namespace);
  const inPlace = (place: { readonly clusterId: string; readonly namespace: string }) =>
    keep(place.clusterId, place.namespace);
  return {
    ...view,
    metrics: view.metrics.filter(({ metadata }) => inPlace(metadata)),
    files: view.files.filter(({ path }) => {
      const key = keyOfPath(path);
      return key !== null && inPlace(key);
    }),
    sources: view.sources.within(inPlace),
    targets: view.targets.filter((row) => keep(row.cluster, row.namespace)),
    collectors: view.collectors.filter((row) => keep(row.cluster, row.namespace)),
  };
}
