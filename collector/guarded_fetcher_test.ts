import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../core/runtime/system_env.ts";
import { planRequest } from "../core/scrape/mod.ts";
import { testMetric, testTarget } from "../core/scrape/testing/metrics.ts";
import { makeMetrics } from "../core/telemetry/metrics.ts";
import { guardedFetchers } from "./guarded_fetcher.ts";

test("refused scrapes are counted by what refused them", async () => {
  const metrics = makeMetrics("collector");
  const make = guardedFetchers(undefined, metrics);
  const fetch = async (address: string, fields: Record<string, unknown>) => {
    const fetcher = make(planRequest(testMetric(fields), testTarget({ address }), "0"), 1000, systemEnv.clock);
    await fetcher.fetch();
    fetcher.close();
  };
  await fetch("169.254.169.254:80", {});
  await fetch("127.0.0.1:9", { auth: { bearer: "file:t" } });
  await fetch("127.0.0.1:9", { proxyUrl: "http://127.0.0.1:1" });
  await fetch("127.0.0.1:9", { scheme: "https", tls: { insecureSkipVerify: true } });
  const text = await metrics.getSingleMetricAsString("bcs_metric_collector_refused_scrapes_total");
  for (const reason of ["address", "secret", "proxy", "insecure-tls"]) {
    assert.match(text, new RegExp(`reason="${reason}".* 1$`, "m"));
  }
});
