import { loadAll } from "js-yaml";
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { KubeClient } from "../../../service/kubernetes/client.ts";
import { readKubeconfig } from "../../../service/kubernetes/kubeconfig.ts";
import { isObject, type JsonObject } from "../../../service/kubernetes/testing/field_sets.ts";
import { at, listAt, textAt } from "../../../service/kubernetes/testing/validate.ts";
import { EtcdProgram } from "../etcd.ts";
import { freePort } from "../programs.ts";
import { waitFor } from "../wait.ts";

const adminToken = "admin-secret";
const serviceToken = "service-secret";
const serviceUser = "system:serviceaccount:bcs-metric:bcs-metric-service";
const rbacPath = fileURLToPath(new URL("../../../deploy/kubernetes/base/rbac.yaml", import.meta.url));

/**
 * A real kube-apiserver over a real etcd, with the real controllers of StatefulSets and of garbage. There are no nodes:
 * pods are said to run by us. The service's own rights are those of `deploy/kubernetes/base/rbac.yaml`.
 */
export class RealCluster {
  readonly admin: KubeClient;
  readonly service: KubeClient;
  readonly #folder: string;
  readonly #etcd: EtcdProgram;
  readonly #children: ChildProcess[] = [];
  #cancelKubelet = () => {};

  private constructor(folder: string, etcd: EtcdProgram, clients: readonly [KubeClient, KubeClient]) {
    this.#folder = folder;
    this.#etcd = etcd;
    [this.admin, this.service] = clients;
  }

  static async start(): Promise<RealCluster> {
    const folder = await mkdtemp(join(tmpdir(), "bcs-metric-kube-"));
    const [etcd] = await EtcdProgram.start();
    if (etcd === undefined) throw new Error("Cannot start etcd");
    const port = await freePort();
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await writeFile(join(folder, "sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }));
    await writeFile(join(folder, "sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
    const tokens = `${adminToken},admin,1,system:masters\n${serviceToken},${serviceUser},2\n`;
    await writeFile(join(folder, "tokens.csv"), tokens);
    const server = `https://127.0.0.1:${port}`;
    for (const [name, token] of [["admin", adminToken], ["service", serviceToken]] as const) {
      await writeFile(join(folder, `${name}.kubeconfig`), kubeconfigOf(server, token));
    }
    const { clock, fs } = systemEnv;
    const open = async (name: string) => {
      const access = await readKubeconfig(join(folder, `${name}.kubeconfig`), "", { fs, clock });
      return new KubeClient({ access, clock });
    };
    const cluster = new RealCluster(folder, etcd, [await open("admin"), await open("service")]);
    await cluster.#run(port);
    return cluster;
  }

  async #run(port: number): Promise<void> {
    const { host, port: etcdPort } = this.#etcd.address;
    this.#spawn("kube-apiserver", {
      "etcd-servers": `http://${host}:${etcdPort}`,
      "secure-port": String(port),
      "bind-address": "127.0.0.1",
      "cert-dir": this.#folder,
      "token-auth-file": join(this.#folder, "tokens.csv"),
      "service-account-key-file": join(this.#folder, "sa.pub"),
      "service-account-signing-key-file": join(this.#folder, "sa.key"),
      "service-account-issuer": "https://test.invalid",
      "service-cluster-ip-range": "10.0.0.0/24",
      "authorization-mode": "RBAC",
      // No service account is made by anybody, and pods must not wait for one.
      "disable-admission-plugins": "ServiceAccount",
    });
    await waitFor(
      "kube-apiserver",
      60_000,
      () => this.admin.request({ method: "GET", path: "/api/v1/namespaces/default" }),
    );
    this.#spawn("kube-controller-manager", {
      kubeconfig: join(this.#folder, "admin.kubeconfig"),
      controllers: "statefulset,garbagecollector",
      "leader-elect": "false",
      "port": "0",
      "secure-port": "0",
    });
    for (const name of ["bcs-metric", "shop"]) {
      await this.admin.request({ method: "POST", path: "/api/v1/namespaces", body: { metadata: { name } } });
    }
    await this.#grant();
    this.#runKubelet();
  }

  /** Deletes all StatefulSets and waits until their pods are gone. */
  async clear(): Promise<void> {
    const base = "/apis/apps/v1/namespaces/shop/statefulsets";
    await this.admin.request({ method: "DELETE", path: base });
    await waitFor("no pod is left", 30_000, async () => {
      const sets = await this.admin.request({ method: "GET", path: base }) as JsonObject;
      const pods = await this.admin.request({ method: "GET", path: "/api/v1/namespaces/shop/pods" }) as JsonObject;
      return listAt(sets, "items").length + listAt(pods, "items").length === 0 ? true : null;
    });
  }

  async close(): Promise<void> {
    this.#cancelKubelet();
    await this.admin.close();
    await this.service.close();
    await Promise.all(this.#children.map((child) =>
      new Promise<void>((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      })
    ));
    await this.#etcd.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #spawn(program: string, flags: Readonly<Record<string, string>>): void {
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#children.push(
      spawn(program, args, { stdio: ["ignore", "ignore", process.env["KUBE_LOG"] ? "inherit" : "ignore"] }),
    );
  }

  /** What our own file asks for, as kubectl apply would. */
  async #grant(): Promise<void> {
    for (const value of loadAll(await readFile(rbacPath, "utf8"))) {
      if (!isObject(value)) continue;
      const kind = textAt(value, "kind");
      const [group, plural] = [
        kind === "ServiceAccount" ? "/api/v1" : "/apis/rbac.authorization.k8s.io/v1",
        `${kind.toLowerCase()}s`,
      ];
      const namespace = textAt(at(value, "metadata"), "namespace");
      const scope = namespace === "" ? "" : `/namespaces/${namespace}`;
      await this.admin.request({ method: "POST", path: `${group}${scope}/${plural}`, body: value });
    }
  }

  /** Without nodes nobody would run the pods. */
  #runKubelet(): void {
    const look = async () => {
      const pods = await this.admin.request({ method: "GET", path: "/api/v1/pods" }) as JsonObject;
      for (const pod of listAt(pods, "items")) {
        if (at(pod, "status")["phase"] === "Running") continue;
        const metadata = at(pod, "metadata");
        const container = textAt(listAt(at(pod, "spec"), "containers")[0] ?? {}, "name");
        await this.admin.request({
          method: "PATCH",
          path: `/api/v1/namespaces/${textAt(metadata, "namespace")}/pods/${textAt(metadata, "name")}/status`,
          contentType: "application/merge-patch+json",
          body: { status: runningStatus(container) },
        }).catch((error: unknown) => error);
      }
    };
    const next = () => {
      this.#cancelKubelet = systemEnv.clock.after(50, () => void look().catch((error: unknown) => error).then(next));
    };
    next();
  }
}

function runningStatus(name: string): JsonObject {
  const state = { running: { startedAt: new Date(0).toISOString() } };
  const status = { name, ready: true, restartCount: 0, image: "i", imageID: "i", state };
  const ready = ["Ready", "ContainersReady"].map((type) => ({ type, status: "True" }));
  return { phase: "Running", podIP: "10.1.0.1", conditions: ready, containerStatuses: [status] };
}

function kubeconfigOf(server: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token } }],
  });
}
