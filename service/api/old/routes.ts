import { Hono } from "hono";
import { answer, type OldApiDeps } from "./answer.ts";
import { deleteMetrics, getCollector, queryMetrics, setMetrics } from "./metrics.ts";
import { deleteTask, getTask, listTasks, setTask } from "./tasks.ts";

/** Where old clients look for the API: the service's own prefix, and that of the BCS gateway. */
export const oldPrefixes = ["/api/v1/metric", "/bcsapi/v4/metric"] as const;

/**
 * The Metric API of the original system, below both of its prefixes; docs/old-api.md describes it. It reads and writes
 * the same documents as `/v1`.
 */
export function oldApiRoutes(deps: OldApiDeps): Hono {
  const api = new Hono();
  api.post("/clustertype/:clusterType/metrics", answer(deps, "setMetric", (context) => setMetrics(deps, context)));
  api.delete(
    "/clustertype/:clusterType/clusters/:clusterId/namespaces/:namespace/metrics",
    answer(deps, "deleteMetric", (context) => deleteMetrics(deps, context)),
  );
  api.post("/metrics", answer(deps, "getMetric", (context) => queryMetrics(deps, context)));
  api.get(
    "/collector/:clusterType/:clusterId/:namespace/:name",
    answer(deps, "getCollector", (context) => getCollector(deps, context)),
  );
  api.get("/tasks/clusters/:clusterId", answer(deps, "listTask", (context) => listTasks(deps, context)));
  const task = "/tasks/clusters/:clusterId/namespaces/:namespace/name/:name";
  api.get(task, answer(deps, "getTask", (context) => getTask(deps, context)));
  api.put(task, answer(deps, "setTask", (context) => setTask(deps, context)));
  api.delete(task, answer(deps, "deleteTask", (context) => deleteTask(deps, context)));
  const app = new Hono();
  for (const prefix of oldPrefixes) app.route(prefix, api);
  return app;
}
