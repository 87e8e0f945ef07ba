import assert from "node:assert/strict";
import { test } from "node:test";
import { healthRoutes } from "../../core/telemetry/health.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { readinessOf } from "./readiness.ts";

const readable = { synced: true, reason: "" };
const away = { source: "kubernetes c2", cluster: "c2" };

async function check(readiness: ReturnType<typeof readinessOf>, want: readonly [status: number, text: string]) {
  const answer = await healthRoutes(new Registry(), () => readiness).request("/readyz");
  assert.deepEqual([answer.status, await answer.text()], want);
}

test("a cluster that is away is told of and keeps nobody from being served", async () => {
  const why = "cluster c2 stays as it is, since the source kubernetes c2 has not been read";
  await check(readinessOf(readable, [away], true), [200, `ok: ${why}\n`]);
  await check(readinessOf(readable, [away], false), [503, `not ready: nothing has been reconciled yet; ${why}\n`]);
  await check(readinessOf(readable, [], true), [200, "ok\n"]);
});

test("a store that cannot be read, and a source that concerns every cluster, keep the service from being ready", async () => {
  const gone = { synced: false, reason: "the folder is gone" };
  await check(readinessOf(gone, [away], true), [503, "not ready: the store cannot be read: the folder is gone\n"]);
  const registry = { source: "registry", cluster: "" };
  const why = "nothing has been reconciled yet; the source registry has not been read";
  await check(readinessOf(readable, [registry], false), [503, `not ready: ${why}\n`]);
});
