import type { ApiRequest } from "../../../service/clusters/api_client.ts";
import type { KubeClient } from "../../../service/kubernetes/client.ts";
import { isObject, type JsonObject } from "../../../service/kubernetes/testing/field_sets.ts";
import { at, listAt, textAt } from "../../../service/kubernetes/testing/validate.ts";
import { setName } from "../../../service/orchestrator/kubernetes/kube_names.ts";
import { instanceName } from "../../../service/orchestrator/names.ts";
import type { WorkloadKey } from "../../../service/orchestrator/workload.ts";
import type { MadeOutside, OutsideHand, RunningInstance } from "../../conformance/orchestrator_suite.ts";

/** Somebody with kubectl: looks at an API server, and changes workloads past the orchestrator. */
export class KubeHand implements OutsideHand {
  readonly #client: Pick<KubeClient, "request">;

  constructor(client: Pick<KubeClient, "request">) {
    this.#client = client;
  }

  async running(key: WorkloadKey): Promise<RunningInstance[]> {
    const answer = await this.#ask("GET", `/api/v1/namespaces/${key.namespace}/pods`);
    const prefix = `${setName(key.name)}-`;
    return listAt(answer, "items").filter((pod) =>
      textAt(at(pod, "metadata"), "name").startsWith(prefix) && at(pod, "status")["phase"] === "Running"
      && at(pod, "metadata")["deletionTimestamp"] === undefined
    ).map((pod) => ({
      name: instanceName(key.name, Number(textAt(at(pod, "metadata"), "name").slice(prefix.length))),
      identity: textAt(at(pod, "metadata"), "uid"),
      env: environmentOf(pod),
      labels: at(at(pod, "metadata"), "labels") as Record<string, string>,
    }));
  }

  async create({ namespace, name, replicas, env, labels }: MadeOutside): Promise<void> {
    const own = { app: "theirs", ...labels };
    const variables = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
    await this.#ask("POST", `/apis/apps/v1/namespaces/${namespace}/statefulsets`, {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: setName(name), namespace, labels: { ...own, "bcs-metric/collector": setName(name) } },
      spec: {
        replicas,
        serviceName: "theirs",
        selector: { matchLabels: { app: "theirs" } },
        template: {
          metadata: { labels: own },
          spec: { containers: [{ name: "main", image: "theirs:1", args: ["collector"], env: variables }] },
        },
      },
    });
  }

  async setEnv(key: WorkloadKey, name: string, value: string): Promise<void> {
    const set = await this.#ask("GET", this.#set(key));
    const pod = at(at(at(set, "spec"), "template"), "spec");
    const containers = listAt(pod, "containers").map((container) => ({
      ...container,
      env: [...listAt(container, "env").filter((one) => one["name"] !== name), { name, value }],
    }));
    const body = { spec: { template: { spec: { containers } } } };
    await this.#ask("PATCH", this.#set(key), body, "application/merge-patch+json");
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    await this.#ask("PATCH", `${this.#set(key)}/scale`, { spec: { replicas } }, "application/merge-patch+json");
  }

  async delete(key: WorkloadKey): Promise<void> {
    await this.#ask("DELETE", this.#set(key));
  }

  async #ask(method: ApiRequest["method"], path: string, body?: object, contentType = "application/json") {
    const answer = await this.#client.request({ method, path, ...(body === undefined ? {} : { body, contentType }) });
    if (!isObject(answer)) throw new Error(`Cannot ${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  #set({ namespace, name }: WorkloadKey): string {
    return `/apis/apps/v1/namespaces/${namespace}/statefulsets/${setName(name)}`;
  }
}

/** The variables of the first container as its process sees them: `$(NAME)` is replaced, and `$$` is a dollar. */
function environmentOf(pod: JsonObject): Record<string, string> {
  const env: Record<string, string> = {};
  for (const variable of listAt(listAt(at(pod, "spec"), "containers")[0] ?? {}, "env")) {
    const { value } = variable;
    if (typeof value !== "string") continue;
    env[textAt(variable, "name")] = value.replaceAll(
      /\$\$|\$\(([^)]*)\)/g,
      (whole, name: string | undefined) => whole === "$$" ? "$" : env[name ?? ""] ?? whole,
    );
  }
  return env;
}
