import type { ApiClient } from "../../../service/clusters/api_client.ts";
import type { MarathonServer } from "../../../service/mesos/testing/marathon_server.ts";
import { appId, placeOf } from "../../../service/orchestrator/mesos/marathon_app.ts";
import { instanceName } from "../../../service/orchestrator/names.ts";
import { type WorkloadKey, workloadPath } from "../../../service/orchestrator/workload.ts";
import type { MadeOutside, OutsideHand, RunningInstance } from "../../conformance/orchestrator_suite.ts";

/** Somebody with Marathon's console. */
export class MarathonHand implements OutsideHand {
  readonly scale = null;
  readonly #server: MarathonServer;
  readonly #client: ApiClient;

  constructor(server: MarathonServer, client: ApiClient) {
    this.#server = server;
    this.#client = client;
  }

  running(key: WorkloadKey): Promise<RunningInstance[]> {
    const found = this.#appsOf(key).flatMap(({ tasks, ordinal }) =>
      tasks.filter(({ state }) => state === "TASK_RUNNING").map(({ id, env, labels }) => ({
        name: instanceName(key.name, ordinal),
        identity: id,
        env,
        labels,
      }))
    );
    return Promise.resolve(found);
  }

  async create({ replicas, env, labels, ...key }: MadeOutside): Promise<void> {
    for (let ordinal = 0; ordinal < replicas; ordinal++) {
      await this.#client.request({
        method: "POST",
        path: "/v2/apps",
        body: { id: appId(key, ordinal), env, labels, container: { docker: { image: "theirs:1" } } },
      });
    }
  }

  async setEnv(key: WorkloadKey, name: string, value: string): Promise<void> {
    for (const { app, ordinal } of this.#appsOf(key)) {
      const env = { ...app["env"] as Record<string, string>, [name]: value };
      await this.#client.request({ method: "PUT", path: `/v2/apps${appId(key, ordinal)}`, body: { env } });
    }
  }

  async delete(key: WorkloadKey): Promise<void> {
    for (const { ordinal } of this.#appsOf(key)) {
      await this.#client.request({ method: "DELETE", path: `/v2/apps${appId(key, ordinal)}` });
    }
  }

  #appsOf(key: WorkloadKey) {
    return [...this.#server.apps.values()].flatMap(({ app, tasks }) => {
      const place = placeOf(key.clusterId, app);
      return place !== null && workloadPath(place.key) === workloadPath(key)
        ? [{ app, tasks, ordinal: place.ordinal }]
        : [];
    });
  }
}
