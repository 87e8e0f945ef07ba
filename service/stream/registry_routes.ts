import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { collectorId, collectorName } from "../../core/registry/collector_id.ts";
import { readRecord } from "../../core/registry/lease_entry.ts";
import type { RegistryRecord } from "../../core/registry/records.ts";
import { authorize, type Need } from "../api/auth.ts";
import { problem } from "../api/problem.ts";
import { type CollectorRegistry, leaseMs } from "./collector_registry.ts";
import { answerStoreProblem } from "./store_problem.ts";

/** Largest record. */
const recordBytesMax = 64 * 1024;

const path = "/v1/registry/collectors/:id";

const place = z.object({ cluster: z.string(), namespace: z.string(), instance: z.string() });
const renewal = place.extend({
  load: z.record(z.string(), z.number()),
  ledger: z.record(z.string(), z.number()).exactOptional(),
});

/** `PUT` announces a collector, `POST` renews its lease, `DELETE` withdraws it: docs/streams.md. */
export function registryRoutes(collectors: CollectorRegistry): Hono {
  const app = new Hono();
  const limit = bodyLimit({
    maxSize: recordBytesMax,
    onError: (context) => problem(context, 413, "Body too large", `the limit is ${recordBytesMax} bytes`),
  });
  app.put(path, limit, async (context) => {
    const read = readRecord(await jsonOf(context));
    if (!read.ok) return problem(context, 400, "Bad record", read.reason);
    const { record } = read;
    const refusal = authorize(context, needOf(record)) ?? misplaced(context, record);
    if (refusal !== null) return refusal;
    return await answerStoreProblem(context, async () => {
      if (await collectors.announce(record)) return context.json({ leaseMs });
      return problem(context, 409, "Id taken", `a collector of another namespace has the id "${record.id}"`);
    });
  });
  app.post(path, limit, async (context) => {
    const read = renewal.safeParse(await jsonOf(context));
    if (!read.success) return problem(context, 400, "Bad renewal", z.prettifyError(read.error));
    const refusal = authorize(context, needOf(read.data)) ?? unsafe(context);
    if (refusal !== null) return refusal;
    const id = context.req.param("id");
    return await answerStoreProblem(context, async () => {
      const outcome = await collectors.renew(id, read.data, read.data);
      if (outcome === "renewed") return context.json({ leaseMs });
      if (outcome === "missing") return problem(context, 404, "Not announced", `there is no collector "${id}"`);
      return problem(context, 409, "Id taken", `another process has announced itself as "${id}"`);
    });
  });
  app.delete(path, async (context) => {
    const read = place.safeParse(context.req.query());
    if (!read.success) return problem(context, 400, "Bad withdrawal", z.prettifyError(read.error));
    const refusal = authorize(context, needOf(read.data)) ?? unsafe(context);
    if (refusal !== null) return refusal;
    return await answerStoreProblem(context, async () => {
      await collectors.withdraw(context.req.param("id"), read.data, read.data.instance);
      return context.body(null, 204);
    });
  });
  return app;
}

function needOf({ cluster, namespace }: Pick<RegistryRecord, "cluster" | "namespace">): Need {
  return { action: "collect", clusterId: cluster, namespace };
}

/** A collector may announce only itself: the record, its id and the path have to agree. */
function misplaced(context: Context, record: RegistryRecord): Response | null {
  const { id, module, cluster, namespace } = record;
  if (module !== "collector") return problem(context, 400, "Bad record", `its module is ${module}, not collector`);
  if (id !== context.req.param("id")) {
    return problem(context, 400, "Bad record", `its id is "${id}", unlike the path's`);
  }
  const expected = collectorId({ cluster, namespace, name: collectorName(record) });
  if (id === expected) return null;
  return problem(context, 400, "Bad record", `the id of this collector is "${expected}", not "${id}"`);
}

function unsafe(context: Context): Response | null {
  const id = context.req.param("id") ?? "";
  const reason = nameProblem(id);
  return reason === null ? null : problem(context, 400, "Bad id", `the id "${id}" ${reason}`);
}

/** Undefined when the body is no JSON. */
async function jsonOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json();
  } catch {
    return undefined;
  }
}
