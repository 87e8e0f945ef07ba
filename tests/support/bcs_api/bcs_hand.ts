import { systemEnv } from "../../../core/runtime/system_env.ts";
import { fixedToken } from "../../../service/clusters/access.ts";
import { ApiClient } from "../../../service/clusters/api_client.ts";
import { BcsServer } from "../../../service/mesos/testing/bcs_server.ts";
import { setName } from "../../../service/orchestrator/kubernetes/kube_names.ts";
import { isObject, type JsonObject } from "../../../service/orchestrator/kubernetes/overlay.ts";
import { instanceName } from "../../../service/orchestrator/names.ts";
import type { WorkloadKey } from "../../../service/orchestrator/workload.ts";
import type { MadeOutside, OutsideHand, RunningInstance } from "../../conformance/orchestrator_suite.ts";

/** A client of one of the APIs of a mocked BCS or Marathon. */
export function mockClient(url: string): ApiClient {
  return new ApiClient({
    access: { server: url, token: fixedToken("secret") },
    clock: systemEnv.clock,
    headers: { "BCS-ClusterID": "BCS-MESOS-10001" },
    tokenHeader: (token) => ({ "X-Bcs-User-Token": token }),
    timeoutMs: 2000,
  });
}

/** Somebody with the console of BCS: looks at it, and changes applications past the orchestrator. */
export class BcsHand implements OutsideHand {
  readonly #server: BcsServer;
  readonly #client: ApiClient;

  constructor(server: BcsServer, client: ApiClient) {
    this.#server = server;
    this.#client = client;
  }

  running({ namespace, name }: WorkloadKey): Promise<RunningInstance[]> {
    const taskgroups = this.#server.applications.get(`${namespace}/${setName(name)}`)?.taskgroups ?? [];
    return Promise.resolve(
      taskgroups.filter(({ status }) => status === "Running").map(({ id, env, labels }) => ({
        name: instanceName(name, Number(id.split(".")[0])),
        identity: id,
        env,
        labels,
      })),
    );
  }

  create({ namespace, name, replicas, env, labels }: MadeOutside): Promise<void> {
    const variables = Object.entries(env).map(([variable, value]) => ({ name: variable, value }));
    this.#server.create({
      kind: "application",
      metadata: { name: setName(name), namespace, labels },
      spec: {
        instance: replicas,
        template: { metadata: { labels }, spec: { containers: [{ image: "theirs:1", env: variables }] } },
      },
    });
    return Promise.resolve();
  }

  async setEnv(key: WorkloadKey, name: string, value: string): Promise<void> {
    const application = this.#server.applications.get(`${key.namespace}/${setName(key.name)}`);
    if (application === undefined) throw new Error(`Cannot change ${key.name}: there is none`);
    const definition = structuredClone(application.definition);
    const [container] = containersOf(definition);
    if (container === undefined) throw new Error("Cannot change an application without containers");
    const env = container["env"] as unknown as { name: string; value: string }[];
    const changed = [...env.filter((one) => one.name !== name), { name, value }];
    Object.assign(container, { env: changed });
    await this.#client.request({
      method: "PUT",
      path: `/namespaces/${key.namespace}/applications`,
      query: [["instances", String(application.instance)]],
      body: definition,
    });
  }

  async scale({ namespace, name }: WorkloadKey, replicas: number): Promise<void> {
    const path = `/namespaces/${namespace}/applications/${setName(name)}/scale/${replicas}`;
    await this.#client.request({ method: "PUT", path });
  }

  async delete({ namespace, name }: WorkloadKey): Promise<void> {
    await this.#client.request({ method: "DELETE", path: `/namespaces/${namespace}/applications/${setName(name)}` });
  }
}

function containersOf(definition: JsonObject): JsonObject[] {
  const template = (definition["spec"] as JsonObject)["template"] as JsonObject;
  const { containers } = template["spec"] as JsonObject;
  return Array.isArray(containers) ? (containers as readonly unknown[]).filter(isObject) : [];
}
