import { z } from "zod";
import type { Clock } from "../../../core/runtime/env.ts";
import type { ApiClient, ApiRequest } from "../../clusters/api_client.ts";
import { ApiError, orchestratorErrorOf } from "../../clusters/api_error.ts";
import { askBcs, bcsCodes, BcsRefusal } from "../../mesos/bcs.ts";
import type { CollectorLaunch } from "../collector_arguments.ts";
import { collectorLabel } from "../kubernetes/collector_set.ts";
import { setName } from "../kubernetes/kube_names.ts";
import { isObject, type JsonObject } from "../kubernetes/overlay.ts";
import { defaultWorkloadName } from "../names.ts";
import { OrchestratorError, WorkloadMissingError } from "../orchestrator.ts";
import { fingerprintOf, type Workload, type WorkloadKey, workloadPath, type WorkloadStatus } from "../workload.ts";
import { bcsApplication, driftOf, keptWith, withInstances } from "./bcs_application.ts";
import { AppliedReplicas, type ClusterWorkloads } from "./cluster_workloads.ts";
import { instancesOf, problemOf, type Taskgroup, taskgroupSchema } from "./taskgroup.ts";

export interface BcsWorkloadsOptions {
  readonly clusterId: string;
  /** The scheduler, below `/bcsapi/v4/scheduler/mesos`. */
  readonly scheduler: Pick<ApiClient, "request">;
  /** BCS storage, below `/bcsstorage/v1`: it alone knows the applications of all namespaces. */
  readonly storage: Pick<ApiClient, "request">;
  readonly launch: CollectorLaunch;
  /** The only ones that may be looked into; empty for all. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  /** How long it is believed which applications there are besides our own; 10 s by default. */
  readonly pollMs?: number;
}

const pollMsDefault = 10_000;

const applicationStatus = z.looseObject({
  instance: z.int().min(0),
  status: z.string().default(""),
  message: z.string().default(""),
});

const storedApplications = z.array(z.looseObject({
  namespace: z.string(),
  resourceName: z.string(),
  data: z.looseObject({
    metadata: z.looseObject({ labels: z.record(z.string(), z.string()).nullish() }).optional(),
  }).optional(),
})).nullable();

/** An application by its name in BCS. */
interface Place {
  readonly namespace: string;
  readonly application: string;
}

interface Found {
  readonly definition: JsonObject;
  readonly status: z.output<typeof applicationStatus>;
}

/** The collector workloads of one cluster of BCS: an application each. */
export class BcsWorkloads implements ClusterWorkloads {
  readonly #options: BcsWorkloadsOptions;
  readonly #replicas = new AppliedReplicas();
  /** Where this process has made some: the storage learns of them only after a while. */
  readonly #known = new Map<string, Place>();
  /** As the storage had them last: it has no way to be asked for collectors alone. */
  #stored: { readonly places: ReadonlyMap<string, Place>; readonly untilMs: number } | null = null;

  constructor(options: BcsWorkloadsOptions) {
    this.#options = options;
  }

  async apply(workload: Workload): Promise<void> {
    const what = `apply workload "${workloadPath(workload)}"`;
    await this.#doing(what, async () => {
      this.#requireNamespace(workload, what);
      const place = placeOf(workload);
      const found = await this.#find(place);
      if (found === null) {
        const body = withInstances(bcsApplication(workload, this.#options.launch, null), workload.replicas);
        await this.#ask({ method: "POST", path: applicationsPath(place), body });
      } else {
        requireOurs(workload, found.definition, what);
        const { instance } = found.status;
        const { fingerprint } = keptWith(found.definition);
        if (fingerprint !== fingerprintOf(workload) || driftOf(found.definition).length > 0) {
          await this.#update(workload, place, found);
        }
        if (instance !== workload.replicas) await this.#scale(place, workload.replicas);
      }
      this.#replicas.set(workloadPath(workload), workload.replicas);
      this.#known.set(pathOf(place), place);
    });
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    const what = `scale workload "${workloadPath(key)}"`;
    await this.#doing(what, async () => {
      const place = placeOf(key);
      if (await this.#find(place) === null) throw new WorkloadMissingError(`Cannot ${what}: there is none`);
      await this.#scale(place, replicas);
      this.#replicas.set(workloadPath(key), replicas);
    });
  }

  async delete(key: WorkloadKey): Promise<void> {
    const what = `delete workload "${workloadPath(key)}"`;
    await this.#doing(what, async () => {
      const place = placeOf(key);
      const found = await this.#find(place);
      if (found !== null) {
        requireOurs(key, found.definition, what);
        const request = { method: "DELETE", path: applicationPath(place), query: [["enforce", "1"]] } as const;
        await this.#orMissing(this.#ask(request));
      }
      this.#replicas.delete(workloadPath(key));
      this.#known.delete(pathOf(place));
    });
  }

  async list(): Promise<WorkloadStatus[]> {
    const { clusterId } = this.#options;
    let statuses: (WorkloadStatus | null)[] = [];
    await this.#doing(`list the workloads of cluster "${clusterId}"`, async () => {
      const places = new Map([...await this.#storedPlaces(), ...this.#known]);
      statuses = await Promise.all([...places.values()].map((place) => this.#statusAt(place)));
    });
    return statuses.filter((one) => one !== null).toSorted((a, b) => workloadPath(a) < workloadPath(b) ? -1 : 1);
  }

  /** Every instance is replaced, one after the other, and keeps its number: BCS changes nothing else while it runs. */
  async #update(workload: Workload, place: Place, { definition, status }: Found): Promise<void> {
    const application = bcsApplication(workload, this.#options.launch, definition);
    const body = withInstances(application, status.instance);
    const query = [["instances", String(status.instance)]] as const;
    await this.#ask({ method: "PUT", path: applicationsPath(place), query, body });
  }

  async #scale(place: Place, replicas: number): Promise<void> {
    await this.#ask({ method: "PUT", path: `${applicationPath(place)}/scale/${replicas}` });
  }

  async #statusAt(place: Place): Promise<WorkloadStatus | null> {
    const found = await this.#find(place);
    if (found === null) {
      this.#known.delete(pathOf(place));
      return null;
    }
    const taskgroups = await this.#taskgroups(place);
    const { clusterId } = this.#options;
    const kept = keptWith(found.definition);
    if (kept.clusterId !== "" && kept.clusterId !== clusterId) return null;
    const name = kept.workload === "" ? place.application : kept.workload;
    const key = { clusterId, namespace: place.namespace, name };
    const { instance: replicas, status, message } = found.status;
    const problem = problemOf(taskgroups);
    return {
      ...key,
      replicas,
      fingerprint: kept.fingerprint,
      replicasApplied: this.#replicas.of(workloadPath(key), kept.fingerprint, replicas),
      drift: driftOf(found.definition),
      problem: problem === "" && status === "Error" ? `${status}: ${message}` : problem,
      instances: instancesOf(name, replicas, taskgroups),
    };
  }

  /** Applications that are, or may become, collector workloads. */
  async #storedPlaces(): Promise<ReadonlyMap<string, Place>> {
    const { clock, pollMs = pollMsDefault } = this.#options;
    if (this.#stored === null || clock.monotonicMs() >= this.#stored.untilMs) {
      const places = await this.#askStorage();
      // A little less than the time between two looks, so that each of them is a new one.
      this.#stored = { places, untilMs: clock.monotonicMs() + pollMs / 2 };
    }
    return this.#stored.places;
  }

  async #askStorage(): Promise<Map<string, Place>> {
    const { clusterId, storage, namespaces } = this.#options;
    const path = `/query/mesos/dynamic/clusters/${encodeURIComponent(clusterId)}/application`;
    const query = namespaces.length === 0 ? [] : [["namespace", namespaces.join(",")]] as const;
    const items = understand(storedApplications, await askBcs(storage, { method: "GET", path, query }), "list") ?? [];
    const places = items.filter(({ namespace, resourceName, data }) =>
      (namespaces.length === 0 || namespaces.includes(namespace))
      && (resourceName === setName(defaultWorkloadName(namespace))
        || data?.metadata?.labels?.[collectorLabel] !== undefined)
    ).map(({ namespace, resourceName }) => ({ namespace, application: resourceName }));
    return new Map(places.map((place) => [pathOf(place), place]));
  }

  async #find(place: Place): Promise<Found | null> {
    const status = await this.#orMissing(this.#ask({ method: "GET", path: applicationPath(place) }));
    if (status === null) return null;
    const path = `/definition/application/${encodeURIComponent(place.namespace)}/${place.application}`;
    const definition = await this.#orMissing(this.#ask({ method: "GET", path }));
    // One that belongs to a deployment has no definition of its own, and is not ours to change.
    if (!isObject(definition)) return null;
    // Some versions answer with a list of one.
    const one: unknown = Array.isArray(status) ? status[0] : status;
    return { definition, status: understand(applicationStatus, one, "application") };
  }

  async #taskgroups(place: Place): Promise<Taskgroup[]> {
    const answer = await this.#orMissing(this.#ask({ method: "GET", path: `${applicationPath(place)}/taskgroups` }));
    return understand(z.array(taskgroupSchema).nullable(), answer, "list of taskgroups") ?? [];
  }

  async #ask(request: ApiRequest): Promise<unknown> {
    try {
      return await askBcs(this.#options.scheduler, request);
    } catch (error) {
      if (!(error instanceof BcsRefusal) || error.code % 1000 !== bcsCodes.exists) throw error;
      throw new ApiError(`${error.message}; it may be on its way out`, { kind: "conflict", cause: error });
    }
  }

  /** Null for what is not there. */
  async #orMissing(answer: Promise<unknown>): Promise<unknown> {
    try {
      return await answer ?? null;
    } catch (error) {
      if (error instanceof ApiError && error.isMissing) return null;
      throw error;
    }
  }

  #requireNamespace({ namespace }: WorkloadKey, what: string): void {
    const { namespaces } = this.#options;
    if (namespaces.length === 0 || namespaces.includes(namespace)) return;
    throw new OrchestratorError(
      `Cannot ${what}: this service may use only namespace ${namespaces.join(", ")}`,
      "invalid",
    );
  }

  async #doing(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw orchestratorErrorOf(error, what);
    }
  }
}

function placeOf({ namespace, name }: WorkloadKey): Place {
  return { namespace, application: setName(name) };
}

function pathOf({ namespace, application }: Place): string {
  return `${namespace}/${application}`;
}

function applicationsPath({ namespace }: Place): string {
  return `/namespaces/${encodeURIComponent(namespace)}/applications`;
}

function applicationPath(place: Place): string {
  return `${applicationsPath(place)}/${encodeURIComponent(place.application)}`;
}

/** A name without what BCS does not allow may be another workload's. */
function requireOurs(key: WorkloadKey, definition: JsonObject, what: string): void {
  const { clusterId, workload } = keptWith(definition);
  if ((clusterId === "" || clusterId === key.clusterId) && (workload === "" || workload === key.name)) return;
  throw new OrchestratorError(`Cannot ${what}: its application belongs to ${clusterId}/…/${workload}`, "invalid");
}

function understand<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ApiError(`a ${what} cannot be understood: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}
