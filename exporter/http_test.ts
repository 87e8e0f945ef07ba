import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../core/runtime/system_env.ts";
import { Registry } from "../core/telemetry/metrics.ts";
import { openAccess } from "./access/access.ts";
import { exporterRoutes } from "./http.ts";

test("an exporter that is still recovering its log is alive, but neither ready nor able to tell its status", async () => {
  const readiness = () => ({ ready: false, reason: "starting" });
  const app = exporterRoutes({
    metrics: new Registry(),
    readiness,
    status: () => null,
    access: openAccess,
    host: "127.0.0.1",
    clock: systemEnv.clock,
    take: () => null,
  });
  assert.equal((await app.request("/healthz")).status, 200);
  const ready = await app.request("/readyz");
  assert.deepEqual([ready.status, await ready.text()], [503, "not ready: starting\n"]);
  assert.equal((await app.request("/v1/status")).status, 503);
  assert.equal((await app.request("/v1/elsewhere")).status, 404);
});
