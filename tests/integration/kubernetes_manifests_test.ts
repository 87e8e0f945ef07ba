/** deploy/kubernetes, built by a real kustomize, holds together, and asks for what our programs have. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type CommandDefinition, type OptionDefinitions, type ReadOptions, readOptions } from "../../core/options.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import { placeProblem } from "../../core/store/store_place.ts";
import { healthRoutes } from "../../core/telemetry/health.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { makeMetrics } from "../../core/telemetry/metrics.ts";
import { openTokenFile } from "../../exporter/access/tokens.ts";
import { exporterCommand } from "../../exporter/options.ts";
import { readRoutes } from "../../exporter/routing/routes.ts";
import { readSinks } from "../../exporter/sinks/mod.ts";
import { openTokens } from "../../service/api/tokens.ts";
import type { JsonObject } from "../../service/kubernetes/testing/field_sets.ts";
import { at, listAt, textAt } from "../../service/kubernetes/testing/validate.ts";
import { collectorLaunch } from "../../service/launch_options.ts";
import { serviceCommand, supported } from "../../service/options.ts";
import { collectorLabel, collectorSet } from "../../service/orchestrator/kubernetes/collector_set.ts";
import { plainWorkload } from "../../service/orchestrator/workload.ts";
import { layersFor, readTemplates } from "../../service/workloads/templates.ts";
import { Manifests, manifestsFolder, nameOf, podOf, selects, templateOf } from "../support/manifests.ts";
import { needs } from "../support/programs.ts";

const guide = fileURLToPath(new URL("../../docs/deploying.md", import.meta.url));
/** Who applies the manifests makes these; the guide has to say how. */
const secrets: Readonly<Record<string, JsonObject>> = {
  "bcs-metric-tokens": { admin: "a".repeat(64), shop: "b".repeat(64) },
};
const log = makeLogger("test", "silent");
const { clock, fs } = systemEnv;
const names = ["volume", "etcd", "example", "namespaced"] as const;
let folder = "";
let built: Readonly<Record<(typeof names)[number], Manifests>>;

suite("manifests for Kubernetes", needs("kustomize-sid"), () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-manifests-"));
    // A component is built only together with something that it changes.
    const path = (name: string) => relative(folder, join(manifestsFolder, name));
    const site = { resources: [path("example")], components: [path("namespaced")] };
    await writeFile(join(folder, "kustomization.yaml"), JSON.stringify(site));
    const [volume, etcd, example, namespaced] = await Promise.all([
      ...["volume", "etcd", "example"].map((name) => Manifests.build(join(manifestsFolder, name))),
      Manifests.build(folder),
    ]);
    if (!volume || !etcd || !example || !namespaced) throw new Error("Four were built");
    built = { volume, etcd, example, namespaced };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("service and exporters take the options that they are given, and find what these name", async () => {
    for (const name of names) {
      const service = await started(built[name], "Deployment", serviceCommand);
      const { tokens = "", collectorTemplates = "", ...rest } = service.values;
      assert.equal(placeProblem(rest), null);
      const options = supported(service.values);
      const [token] = [rest.exporterToken.replace("file:/", `file:${service.root}/`)];
      assert.equal(await readFile(token.replace("file:", ""), "utf8"), secrets["bcs-metric-tokens"]?.["admin"]);
      assert.equal(options.orchestrator, "kubernetes");
      const opened = await openTokens(join(service.root, tokens), { fs, clock, log, variables: {} });
      assert.equal(opened.find("a".repeat(64))?.role, "admin");
      opened.close();
      await checkCollectors(service.values, join(service.root, collectorTemplates));

      const exporter = await started(built[name], "StatefulSet", exporterCommand);
      assert.equal(placeProblem(exporter.values), null);
      assert.equal(exporter.values.volume ?? exporter.values.store, rest.volume ?? rest.store);
      assert.equal(exporter.values.name, "bcs-metric-exporter-0");
      const dataDir = join(exporter.root, exporter.values.data);
      const sinks = await readSinks(exporter.config, exporter.configPath, {
        env: systemEnv,
        dataDir,
        log,
        variables: {},
      });
      for (const sink of sinks) await sink.close();
      assert.equal(readRoutes(exporter.config, exporter.configPath), null);
      const same = await openTokenFile(join(exporter.root, exporter.values.tokens ?? ""), {
        fs,
        clock,
        log,
        variables: {},
      });
      assert.equal(same.find("a".repeat(64))?.role, "admin");
      same.close();
    }
    for (const [name, content] of Object.entries(secrets)) await checkGuide(name, Object.keys(content));
    const { values } = await started(built.namespaced, "Deployment", serviceCommand);
    assert.deepEqual([values.cluster, values.kubernetesNamespaces], ["BCS-K8S-00001", ["shop"]]);
  });

  test("whatever is named is there", () => {
    for (const name of names) for (const workload of built[name].workloads()) checkNames(built[name], workload);
  });

  test("probes ask for what is served, at the ports of the options", async () => {
    const health = healthRoutes(makeMetrics("test"), () => ({ ready: true }));
    const service = await started(built.volume, "Deployment", serviceCommand);
    const exporter = await started(built.volume, "StatefulSet", exporterCommand);
    const served = [
      { container: service.container, addresses: { http: service.values.listen } },
      { container: exporter.container, addresses: { frames: exporter.values.listen, http: exporter.values.http } },
    ];
    for (const { container, addresses } of served) {
      const ports = Object.entries(addresses).map(([name, address]) => [name, parseAddress(address).port]);
      assert.deepEqual(listAt(container, "ports").map((port) => [port["name"], port["containerPort"]]), ports);
      for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) {
        const asked = at(at(container, probe), "httpGet");
        assert.equal(asked["port"], "http");
        assert.equal((await health.request(textAt(asked, "path"))).status, 200, probe);
      }
      assert.equal(at(at(container, "readinessProbe"), "httpGet")["path"], "/readyz");
      assert.equal(at(at(container, "livenessProbe"), "httpGet")["path"], "/healthz");
    }
  });

  test("collectors, and nobody else from other namespaces, get to the ports that they need", () => {
    const [, byService, byExporter] = ["deny-others", "bcs-metric-service", "bcs-metric-exporter"].map((name) => {
      const policy = built.example.find("NetworkPolicy", name);
      assert.ok(policy !== undefined, `there is no policy ${name}`);
      return at(policy, "spec");
    });
    const open = (policy: JsonObject | undefined) =>
      listAt(policy ?? {}, "ingress").filter((rule) =>
        listAt(rule, "from").some((from) =>
          selects(at(from, "namespaceSelector"), {}) && from["namespaceSelector"] !== undefined
          && selects(at(from, "podSelector"), { [collectorLabel]: "bcs-collector-shop" })
          && !selects(at(from, "podSelector"), {})
        )
      ).flatMap((rule) => listAt(rule, "ports").map(({ port }) => port));
    assert.deepEqual([open(byService), open(byExporter)], [["http"], ["frames"]]);
    for (const policy of built.example.list("NetworkPolicy")) {
      for (const from of listAt(at(policy, "spec"), "ingress").flatMap((rule) => listAt(rule, "from"))) {
        const any = selects(at(from, "namespaceSelector"), {}) && from["namespaceSelector"] !== undefined;
        assert.ok(!(any && selects(at(from, "podSelector"), {})), `${nameOf(policy)} lets everybody in`);
      }
    }
  });

  test("every pod passes the restricted standard of pod security, and is held to its resources", () => {
    for (const workload of built.example.workloads()) {
      const pod = podOf(workload);
      const security = at(pod, "securityContext");
      assert.deepEqual([security["runAsNonRoot"], at(security, "seccompProfile")["type"]], [true, "RuntimeDefault"]);
      assert.ok(["hostNetwork", "hostPID", "hostIPC"].every((field) => pod[field] === undefined));
      for (const container of listAt(pod, "containers")) {
        const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = at(container, "securityContext");
        assert.deepEqual([allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities], [false, true, {
          drop: ["ALL"],
        }]);
        assert.ok(at(at(container, "resources"), "limits")["memory"] !== undefined);
        assert.ok(at(at(container, "resources"), "requests")["cpu"] !== undefined);
      }
    }
    const labels = built.example.list("Namespace").map((one) => at(at(one, "metadata"), "labels"));
    assert.deepEqual(labels.map((one) => one["pod-security.kubernetes.io/enforce"]), ["restricted"]);
  });

  test("only the service has an identity at the API server", () => {
    const accounts = (name: (typeof names)[number]) =>
      built[name].workloads().filter((one) => podOf(one)["automountServiceAccountToken"] !== false).map(nameOf);
    for (const name of names) assert.deepEqual(accounts(name), ["bcs-metric-service"]);
    assert.deepEqual(built.namespaced.list("ClusterRole").concat(built.namespaced.list("ClusterRoleBinding")), []);
    for (const kind of ["Role", "RoleBinding"]) assert.equal(built.namespaced.list(kind).length, 1);
    for (const binding of [...built.volume.list("ClusterRoleBinding"), ...built.namespaced.list("RoleBinding")]) {
      const role = at(binding, "roleRef");
      const manifests = built[binding["kind"] === "RoleBinding" ? "namespaced" : "volume"];
      assert.ok(manifests.find(textAt(role, "kind"), textAt(role, "name")) !== undefined);
      assert.deepEqual(listAt(binding, "subjects").map(({ name, namespace }) => [name, namespace]), [
        ["bcs-metric-service", "bcs-metric"],
      ]);
    }
  });
});

interface Started<Definitions extends OptionDefinitions> extends ReadOptions<Definitions> {
  readonly container: JsonObject;
  /** What it mounts is below this folder. */
  readonly root: string;
}

/** The options of the only container of the only workload of a kind, as its process reads them. */
async function started<Definitions extends OptionDefinitions>(
  manifests: Manifests,
  kind: "Deployment" | "StatefulSet",
  command: CommandDefinition<Definitions>,
): Promise<Started<Definitions>> {
  const [workload = {}] = manifests.list(kind);
  const pod = podOf(workload);
  const [container = {}, ...others] = listAt(pod, "containers");
  assert.deepEqual([manifests.list(kind).length, others.length], [1, 0]);
  const root = await mkdtemp(join(folder, "mounts-"));
  await manifests.writeMounts({ pod, container }, secrets, root);
  const env = manifests.environmentOf(container, { POD_NAME: `${nameOf(workload)}-0` });
  const args = (container["args"] as string[]).map((arg) =>
    arg.replace(/\$\((\w+)\)/g, (_, name: string) => env[name] ?? "").replace("--config=/", `--config=${root}/`)
  );
  assert.equal(args[0], command.name);
  return { ...await readOptions(command, args.slice(1), env), container, root };
}

/** The workload that the service would make for a namespace can be made, and its collectors reach the service. */
async function checkCollectors(values: Parameters<typeof collectorLaunch>[0], templates: string): Promise<void> {
  const launch = collectorLaunch(values);
  const [url = ""] = launch.services;
  const { hostname, port } = new URL(url);
  const [serviceName = "", namespace] = hostname.split(".");
  const target = built.volume.find("Service", serviceName);
  assert.equal(at(target ?? {}, "metadata")["namespace"], namespace);
  assert.ok(listAt(at(target ?? {}, "spec"), "ports").some((one) => textAt(one, "port") === port), url);
  const key = { clusterId: "BCS-K8S-00001", namespace: "shop" };
  const read = readTemplates([{ path: templates, text: await readFile(templates, "utf8") }]);
  const [layer] = layersFor(read, "k8s", key);
  const wish = { ...plainWorkload, ...key, name: "bcs-collector-shop", replicas: 1, template: layer?.template ?? {} };
  const set: JsonObject = JSON.parse(JSON.stringify(collectorSet(wish, { launch, allowUnsafe: false }, null)));
  const [collector = {}] = listAt(podOf(set), "containers");
  assert.equal(launch.token, "env:TOKEN");
  const token = listAt(collector, "env").find(({ name }) => name === "TOKEN") ?? {};
  assert.deepEqual(token["valueFrom"], { secretKeyRef: { name: "bcs-metric-collector", key: "token" } });
  await checkGuide("bcs-metric-collector", ["token"]);
}

/** The guide says how the Secret is made, with these keys. */
async function checkGuide(secret: string, keys: readonly string[]): Promise<void> {
  const commands = (await readFile(guide, "utf8")).split("\n").filter((line) => line.startsWith("kubectl "));
  const command = commands.find((line) => line.includes(` create secret generic ${secret} `)) ?? "";
  assert.deepEqual(keys.filter((key) => !command.includes(` --from-literal=${key}=`)), [], `${secret}: "${command}"`);
}

/** What a workload, and whatever selects it, names. */
function checkNames(manifests: Manifests, workload: JsonObject): void {
  const pod = podOf(workload);
  const has = (kind: string, name: string) =>
    assert.ok(manifests.find(kind, name) !== undefined, `${nameOf(workload)}: there is no ${kind} "${name}"`);
  has("ServiceAccount", textAt(pod, "serviceAccountName"));
  if (workload["kind"] === "StatefulSet") has("Service", textAt(at(workload, "spec"), "serviceName"));
  const volumes = new Set(listAt(pod, "volumes").map((volume) => textAt(volume, "name")));
  for (const claim of listAt(at(workload, "spec"), "volumeClaimTemplates")) volumes.add(nameOf(claim));
  for (const volume of listAt(pod, "volumes")) {
    if (volume["configMap"] !== undefined) has("ConfigMap", textAt(at(volume, "configMap"), "name"));
    if (volume["secret"] !== undefined) assert.ok(textAt(at(volume, "secret"), "secretName") in secrets);
    const claim = at(volume, "persistentVolumeClaim");
    if (claim["claimName"] !== undefined) has("PersistentVolumeClaim", textAt(claim, "claimName"));
  }
  for (const container of listAt(pod, "containers")) {
    const mounts = listAt(container, "volumeMounts").map((mount) => textAt(mount, "name"));
    assert.deepEqual(
      mounts.toSorted(),
      [...volumes].toSorted(),
      "each volume is mounted, and each mount has its volume",
    );
    for (const source of listAt(container, "envFrom")) has("ConfigMap", textAt(at(source, "configMapRef"), "name"));
  }
  const labels = at(at(templateOf(workload), "metadata"), "labels");
  const ports = new Set(listAt(pod, "containers").flatMap((one) => listAt(one, "ports")).map(({ name }) => name));
  assert.ok(selects(at(at(workload, "spec"), "selector"), labels));
  for (const spread of listAt(pod, "topologySpreadConstraints")) {
    assert.ok(selects(at(spread, "labelSelector"), labels));
  }
  const own = (kind: string) => at(manifests.find(kind, nameOf(workload)) ?? {}, "spec");
  assert.ok(selects({ matchLabels: at(own("Service"), "selector") }, labels));
  for (const port of listAt(own("Service"), "ports")) assert.ok(ports.has(port["targetPort"]));
  assert.ok(selects(at(own("PodDisruptionBudget"), "selector"), labels));
  assert.ok(selects(at(own("NetworkPolicy"), "podSelector"), labels));
  for (const rule of listAt(own("NetworkPolicy"), "ingress")) {
    for (const { port } of listAt(rule, "ports")) assert.ok(ports.has(port));
  }
}
