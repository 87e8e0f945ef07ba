import { z } from "zod";
import { messageOf } from "../../../core/errors.ts";
import type { Clock, Random } from "../../../core/runtime/env.ts";
import { pause } from "../../../core/runtime/pause.ts";
import { LineBuffer } from "../../../core/store/etcd_lines.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { ApiClient, ApiRequest } from "../../clusters/api_client.ts";
import { ApiError, orchestratorErrorOf } from "../../clusters/api_error.ts";
import type { CollectorLaunch } from "../collector_arguments.ts";
import { isObject, type JsonObject } from "../kubernetes/overlay.ts";
import { OrchestratorError, WorkloadMissingError } from "../orchestrator.ts";
import { fingerprintOf, type Workload, type WorkloadKey, workloadPath, type WorkloadStatus } from "../workload.ts";
import { AppliedReplicas, type ClusterWorkloads } from "./cluster_workloads.ts";
import { appId, driftOf, labelOf, marathonApp, marathonGroup, placeOf, wishOf } from "./marathon_app.ts";
import { statusOf } from "./marathon_status.ts";

export interface MarathonWorkloadsOptions {
  readonly clusterId: string;
  /** Whose base is that of `/v2/apps`. */
  readonly marathon: Pick<ApiClient, "request" | "stream">;
  readonly launch: CollectorLaunch;
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
  readonly lockWaitMs?: number;
}

const lockWaitMsDefault = 5000;
const lockPollMsMax = 500;
const silenceMs = 90_000;
const backoffMinMs = 500;
const backoffMaxMs = 30_000;
const eventLineBytesMax = 16 * 1024 * 1024;

const appList = z.looseObject({ apps: z.array(z.unknown()) });

/** The collector workloads of one Marathon: an app for each instance, in a group for each workload. */
export class MarathonWorkloads implements ClusterWorkloads {
  readonly #options: MarathonWorkloadsOptions;
  readonly #replicas = new AppliedReplicas();

  constructor(options: MarathonWorkloadsOptions) {
    this.#options = options;
  }

  async apply(workload: Workload): Promise<void> {
    const what = `apply workload "${workloadPath(workload)}"`;
    const { namespaces } = this.#options;
    if (namespaces.length > 0 && !namespaces.includes(workload.namespace)) {
      const why = `this service may use only namespace ${namespaces.join(", ")}`;
      throw new OrchestratorError(`Cannot ${what}: ${why}`, "invalid");
    }
    await this.#doing(what, () => this.#converge(workload));
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    const what = `scale workload "${workloadPath(key)}"`;
    await this.#doing(what, async () => {
      const apps = await this.#appsOf(key);
      if (apps.size === 0) throw new WorkloadMissingError(`Cannot ${what}: there is none`);
      const wish = [...apps.values()].map(wishOf).find((one) => one !== null);
      if (wish === undefined) {
        throw new OrchestratorError(`Cannot ${what}: it was made by somebody else; apply it first`, "invalid");
      }
      await this.#converge({ ...wish, replicas }, apps);
    });
  }

  async delete(key: WorkloadKey): Promise<void> {
    await this.#doing(`delete workload "${workloadPath(key)}"`, async () => {
      for (const ordinal of (await this.#appsOf(key)).keys()) await this.#remove(appId(key, ordinal));
      this.#replicas.delete(workloadPath(key));
    });
  }

  async list(): Promise<WorkloadStatus[]> {
    const { clusterId } = this.#options;
    let apps: JsonObject[] = [];
    await this.#doing(`list the workloads of cluster "${clusterId}"`, async () => {
      apps = await this.#apps();
    });
    const placed = apps.flatMap((app) => {
      const place = placeOf(clusterId, app);
      return place === null ? [] : [{ app, ...place }];
    });
    const groups = Map.groupBy(placed, ({ key }) => workloadPath(key));
    return [...groups].toSorted(([a], [b]) => a < b ? -1 : 1).flatMap(([path, members]) => {
      const [first] = members;
      if (first === undefined) return [];
      const status = statusOf(first.key, members);
      return [{ ...status, replicasApplied: this.#replicas.of(path, status.fingerprint, status.replicas) }];
    });
  }

  /** Follows Marathon's events, as long as the signal is not aborted. After each gap everything may have changed. */
  follow = async (onChange: () => void, signal: AbortSignal): Promise<void> => {
    const { clock, random, log, clusterId } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#listen(() => {
          failures = 0;
          onChange();
        }, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) {
          const fields = { cluster: clusterId, reason: messageOf(error) };
          log.warn(fields, "cannot follow Marathon's events; looking now and then instead");
        }
      }
      failures++;
      const full = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(10, failures - 1));
      await pause(clock, full * (0.5 + random.float() / 2), signal);
    }
  };

  async #listen(onEvent: () => void, signal: AbortSignal): Promise<void> {
    const request = { method: "GET", path: "/v2/events", accept: "text/event-stream", silenceMs, signal } as const;
    const lines = new LineBuffer(eventLineBytesMax);
    const hasEvent = (chunk: Uint8Array) => [lines.push(chunk).some((line) => line.startsWith("event:"))];
    for await (const isEvent of this.#options.marathon.stream({ ...request, onOpen: onEvent }, hasEvent)) {
      if (isEvent) onEvent();
    }
  }

  /** What is missing is made first, then what differs is written, and what is too much goes. */
  async #converge(workload: Workload, found?: ReadonlyMap<number, JsonObject>): Promise<void> {
    const { launch } = this.#options;
    const apps = found ?? await this.#appsOf(workload);
    const fingerprint = fingerprintOf(workload);
    // Without replicas one app without instances stays, which keeps the wish.
    for (let ordinal = 0; ordinal < Math.max(1, workload.replicas); ordinal++) {
      const live = apps.get(ordinal) ?? null;
      const instances = workload.replicas === 0 ? 0 : 1;
      if (live === null) {
        const body = marathonApp(workload, ordinal, launch, null, instances);
        await this.#ask({ method: "POST", path: "/v2/apps", body });
      } else if (labelOf(live, "fingerprint") !== fingerprint || driftOf(live).length > 0) {
        await this.#write(appId(workload, ordinal), marathonApp(workload, ordinal, launch, live, instances));
      } else if (live["instances"] !== instances) {
        await this.#write(appId(workload, ordinal), { instances });
      }
    }
    for (const ordinal of apps.keys()) {
      if (ordinal >= Math.max(1, workload.replicas)) await this.#remove(appId(workload, ordinal));
    }
    this.#replicas.set(workloadPath(workload), workload.replicas);
  }

  async #write(id: string, body: JsonObject): Promise<void> {
    await this.#unlessLocked({ method: "PUT", path: `/v2/apps/${pathOf(id)}`, body });
  }

  async #remove(id: string): Promise<void> {
    try {
      await this.#unlessLocked({ method: "DELETE", path: `/v2/apps/${pathOf(id)}` });
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isMissing) throw error;
    }
  }

  /** A deployment that is under way gets the time to end by itself; one that does not is overruled. */
  async #unlessLocked(request: ApiRequest): Promise<void> {
    const { clock, lockWaitMs = lockWaitMsDefault } = this.#options;
    const giveUpMs = clock.monotonicMs() + lockWaitMs;
    while (true) {
      const isLast = clock.monotonicMs() >= giveUpMs;
      try {
        await this.#ask(isLast ? { ...request, query: [["force", "true"]] } : request);
        return;
      } catch (error) {
        if (isLast || !(error instanceof ApiError) || error.status !== 409) throw error;
      }
      await pause(clock, Math.min(lockPollMsMax, lockWaitMs / 4));
    }
  }

  /** The apps of a workload by ordinal. */
  async #appsOf(key: WorkloadKey): Promise<Map<number, JsonObject>> {
    const apps = new Map<number, JsonObject>();
    for (const app of await this.#apps()) {
      const place = placeOf(key.clusterId, app);
      if (place !== null && workloadPath(place.key) === workloadPath(key)) apps.set(place.ordinal, app);
    }
    return new Map([...apps].toSorted(([a], [b]) => a - b));
  }

  async #apps(): Promise<JsonObject[]> {
    const query = [
      ["id", `${marathonGroup}/`],
      ["embed", "apps.tasks"],
      ["embed", "apps.lastTaskFailure"],
    ] as const;
    const answer = appList.safeParse(await this.#ask({ method: "GET", path: "/v2/apps", query }));
    if (!answer.success) throw new ApiError("the list of apps cannot be understood");
    return answer.data.apps.filter(isObject);
  }

  #ask(request: ApiRequest): Promise<unknown> {
    return this.#options.marathon.request(request);
  }

  async #doing(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw orchestratorErrorOf(error, what);
    }
  }
}

/** Its slashes stay. */
function pathOf(id: string): string {
  return id.split("/").filter((part) => part !== "").map(encodeURIComponent).join("/");
}
