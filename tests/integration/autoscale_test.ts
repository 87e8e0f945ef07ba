/**
 * The walk of docs/autoscaling.md: collectors scrape themselves, a real Prometheus gets that by remote write, their
 * usage is high, a plan is proposed to a webhook, somebody approves it by its link, and the collectors are two, with
 * every target scraped throughout. Then their usage is low, and fewer are proposed.
 */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { z } from "zod";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { auditLineSchema, planSchema } from "../../service/autoscale/approvals/approval.ts";
import { checkTicks, type CountedTarget, readShares, startCountedTarget } from "../support/counted_targets.ts";
import { freePort, getJson, needs, type Program, startProgram } from "../support/programs.ts";
import { applicationYaml, metricYaml, type SmallSystem, startSmallSystem } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

const secret = "the-webhook's-secret";
const targetCount = 5;

const told = z.object({
  state: z.string(),
  title: z.string(),
  links: z.object({ approve: z.string(), reject: z.string() }).nullable(),
  approval: z.object({ id: z.string(), hash: z.string(), plan: planSchema }),
});
const shown = z.looseObject({ state: z.string(), trail: z.array(auditLineSchema) });

/** Makes collectors scrape each other. */
const collectorsYaml = `apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: TEST, namespace: shop, name: collectors }
spec:
  version: "1"
  clusterType: bcs-components
  selector: { module: collector }
  port: metrics
  uri: /metrics
  frequency: 1
  timeout: 1
`;

function collectorYaml(cpu: string): string {
  return `apiVersion: bcs-metric/v1
kind: Collector
metadata: { clusterId: TEST, namespace: shop, name: bcs-collector-shop }
spec:
  replicas: 1
  autoscale: { min: 1, max: 2, cpu: ${cpu}, forSeconds: 2, cooldownSeconds: 1 }
`;
}

suite("scaling with a human's approval", needs("prometheus"), () => {
  const targets: CountedTarget[] = [];
  const messages: z.output<typeof told>[] = [];
  let folder: string;
  let prometheus: Program;
  let receiver: Listener;
  let system: SmallSystem;
  let proposed: z.output<typeof told>;
  let startMs = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-autoscale-"));
    prometheus = await startPrometheus(folder);
    receiver = await serveHttp({ host: "127.0.0.1", port: 0 }, async (request) => {
      const text = await request.text();
      const signed = `${request.headers.get("x-bcs-metric-timestamp")}.${text}`;
      const signature = createHmac("sha256", secret).update(signed).digest("hex");
      if (request.headers.get("x-bcs-metric-signature") !== `sha256=${signature}`) {
        return new Response("", { status: 403 });
      }
      messages.push(told.parse(JSON.parse(text)));
      return new Response("");
    });
    const hook = `http://127.0.0.1:${receiver.address.port}/hook`;
    const config = join(folder, "autoscale.yaml");
    await writeFile(
      config,
      `lookSeconds: 1
usage: { windowSeconds: 5 }
notifiers: [{ name: hook, type: webhook, url: "${hook}", secret: "${secret}" }]
`,
    );
    for (let index = 0; index < targetCount; index++) targets.push(await startCountedTarget(index, 20));
    system = await startSmallSystem({
      sinks: `  - {name: prometheus, type: remote_write, url: "${prometheus.url}/api/v1/write"}\n`,
      service: { usageUrl: prometheus.url, autoscaleConfig: config, leaseSeconds: 3 },
    });
    await system.writeDocument("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml("{ above: 0.01 }"));
    await system.writeDocument("TEST/metric/shop/collectors.yaml", collectorsYaml);
    await system.writeDocument("TEST/metric/shop/count.yaml", metricYaml("count"));
    const ports = targets.map((target) => target.listener.address.port);
    await system.writeDocument("TEST/application/shop/count.yaml", applicationYaml("count", ports));
    await waitFor("a scrape of each target", 30_000, () => targets.every(({ times }) => times.length > 1) || null);
    startMs = Date.now();
  });

  after(async () => {
    await system.stop();
    await receiver.close();
    await prometheus.stop();
    await Promise.all(targets.map((target) => target.listener.close()));
    await rm(folder, { recursive: true });
  });

  test("high usage leads to a plan, which is sent with signed links", { timeout: 60_000 }, async () => {
    proposed = await waitFor("a plan", 40_000, () => messages.find(({ state }) => state === "proposed") ?? null)
      .catch(async (error: unknown) => assert.fail(`${String(error)}: ${await findings()}`));
    const { from, to, reasons, moves, predicted } = proposed.approval.plan;
    assert.deepEqual([from, to], [1, 2]);
    assert.match(reasons[0] ?? "", /^mean cpu [0-9.e-]+ % of a core, above 0.01; for 2 s at least$/);
    assert.equal(moves.length, 3, "of five targets and the collector itself half move");
    assert.deepEqual(predicted.map(({ targets: count }) => count), [3, 3]);
    const { autoscale } = await getJson(`${system.serviceUrl}/v1/autoscale`) as { autoscale: { source: string }[] };
    assert.match(autoscale[0]?.source ?? "", /^PromQL at /);
  });

  test("the link's page asks, its form approves, and once only", { timeout: 30_000 }, async () => {
    const { approve, reject } = proposed.links ?? assert.fail("no links");
    const page = await fetch(approve);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /Approve this plan\?/);
    assert.equal((await approval(proposed.approval.id)).state, "proposed");
    const forged = await fetch(approve.replace(/signature=./, "signature=-"), { method: "POST" });
    assert.deepEqual([forged.status, (await approval(proposed.approval.id)).state], [403, "proposed"]);
    await forged.body?.cancel();
    const body = new URLSearchParams({ name: "Ann" });
    assert.match(await (await fetch(approve, { method: "POST", body })).text(), /Approved/);
    for (const link of [approve, reject]) {
      const again = await fetch(link, { method: "POST" });
      assert.equal(again.status, 409);
      await again.body?.cancel();
    }
  });

  test("it is carried out, and no target is missed or doubled meanwhile", { timeout: 90_000 }, async () => {
    const { id } = proposed.approval;
    const done = await waitFor("the end of it", 70_000, async () => {
      const now = await approval(id);
      return now.state === "done" ? now : null;
    });
    assert.deepEqual(done.trail.map(({ state, how }) => [state, how]), [
      ["proposed", "service"],
      ["approved", "link"],
      ["executing", "service"],
      ["done", "service"],
    ]);
    assert.equal(done.trail[1]?.by, '"Ann", with the link');
    const shares = await readShares(join(system.volume, "TEST/collection/shop"));
    const own = new Set(targets.map(({ address }) => address));
    const counts = [...shares.values()].map((addresses) => addresses.filter((address) => own.has(address)).length);
    assert.equal(counts.length, 2);
    assert.ok(counts.every((count) => count >= 1), counts.join(" "));
    const endMs = Date.now();
    for (const target of targets) checkTicks(target, 1000, startMs, endMs, []);
    await waitFor("word of its end", 10_000, () => messages.find(({ state }) => state === "done") ?? null);
  });

  test("low usage leads to a plan for fewer, which can be rejected by the API", { timeout: 40_000 }, async () => {
    await system.writeDocument(
      "TEST/collector/shop/bcs-collector-shop.yaml",
      collectorYaml("{ above: 10000, below: 9000 }").replace("cpu:", "lag: { above: 60 }, cpu:"),
    );
    const fewer = await waitFor(
      "a plan for fewer",
      30_000,
      () => messages.find(({ state, approval: { plan } }) => state === "proposed" && plan.to === 1) ?? null,
    );
    const { id, hash } = fewer.approval;
    const answer = await fetch(`${system.serviceUrl}/v1/approvals/${id}/reject`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ hash }),
    });
    assert.deepEqual([answer.status, await answer.json()], [202, { id, state: "rejected" }]);
  });

  /** What the service says that it has found. */
  async function findings(): Promise<string> {
    return JSON.stringify(await getJson(`${system.serviceUrl}/v1/autoscale`));
  }

  async function approval(id: string) {
    return shown.parse(await getJson(`${system.serviceUrl}/v1/approvals/${id}`));
  }
});

async function startPrometheus(folder: string): Promise<Program> {
  const config = join(folder, "prometheus.yml");
  await writeFile(config, "scrape_configs: []\n");
  const port = await freePort();
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "tsdb")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--web.enable-remote-write-receiver",
  ];
  return await startProgram("prometheus", args, port, "/-/ready");
}
