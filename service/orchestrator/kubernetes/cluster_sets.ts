import { ApiError, orchestratorErrorOf } from "../../clusters/api_error.ts";
import { type KubeObject, kubeObject } from "../../kubernetes/objects.ts";
import { Reflector } from "../../kubernetes/reflector.ts";
import { instanceName } from "../names.ts";
import { OrchestratorError, WorkloadMissingError } from "../orchestrator.ts";
import {
  type InstanceStatus,
  type Workload,
  type WorkloadKey,
  workloadPath,
  type WorkloadStatus,
} from "../workload.ts";
import { annotations, collectorLabel, collectorSet } from "./collector_set.ts";
import { CreationProblems } from "./creation_problems.ts";
import { setName } from "./kube_names.ts";
import type { KubernetesOrchestratorOptions, ManagedCluster } from "./kubernetes_orchestrator.ts";
import type { JsonObject } from "./overlay.ts";
import { type PodView, readPod } from "./read_pod.ts";
import { readSet, type SetView } from "./read_set.ts";

export interface ClusterSetsOptions extends KubernetesOrchestratorOptions {
  onChange(): void;
}

const notRead = { reason: "they have not been read yet", status: 0 };

/** How long `list` waits for what has never been read. */
const firstReadMs = 10_000;

/** The collector workloads of one cluster: a StatefulSet each. */
export class ClusterSets {
  readonly #cluster: ManagedCluster;
  readonly #options: ClusterSetsOptions;
  readonly #sets: readonly Reflector<SetView>[];
  readonly #pods: readonly Reflector<PodView>[];
  readonly #waiting = new Set<() => void>();
  readonly #creation: CreationProblems;

  constructor(cluster: ManagedCluster, options: ClusterSetsOptions) {
    this.#cluster = cluster;
    this.#options = options;
    const { clock, random } = options;
    this.#creation = new CreationProblems(cluster.client, clock);
    const log = options.log.child({ cluster: cluster.clusterId });
    const shared = { client: cluster.client, clock, random, log, onChange: () => this.#changed() };
    const scopes = cluster.namespaces.length === 0 ? [""] : cluster.namespaces.map((one) => `/namespaces/${one}`);
    // Whole, without a selector: those from outside need not have our label.
    this.#sets = scopes.map((scope) =>
      new Reflector({ ...shared, path: `/apis/apps/v1${scope}/statefulsets`, read: readSet })
    );
    this.#pods = scopes.map((scope) =>
      new Reflector({ ...shared, path: `/api/v1${scope}/pods`, labelSelector: collectorLabel, read: readPod })
    );
    for (const reflector of [...this.#sets, ...this.#pods]) reflector.start();
  }

  async apply(workload: Workload): Promise<void> {
    const what = `apply workload "${workloadPath(workload)}"`;
    await this.#doing(what, async () => {
      this.#requireNamespace(workload, what);
      const live = await this.#get(workload);
      if (live !== null) requireOurs(workload, live, what);
      const { launch, allowUnsafe } = this.#options;
      const body = collectorSet(workload, { launch, allowUnsafe }, live as unknown as JsonObject | null);
      // What we name is ours, whoever had it before; what others name beside it stays theirs.
      const query = { fieldManager: "bcs-metric", force: "true" };
      const contentType = "application/apply-patch+yaml";
      const path = setPath(workload);
      this.#take(workload, await this.#cluster.client.request({ method: "PATCH", path, query, body, contentType }));
    });
  }

  async scale(key: WorkloadKey, replicas: number): Promise<void> {
    const what = `scale workload "${workloadPath(key)}"`;
    await this.#doing(what, async () => {
      // By one patch and not by the subresource: the number and the note that we set it must not come apart.
      const body = { metadata: { annotations: { [annotations.replicas]: String(replicas) } }, spec: { replicas } };
      const query = { fieldManager: "bcs-metric" };
      const contentType = "application/merge-patch+json";
      try {
        const answer = await this.#cluster.client.request({
          method: "PATCH",
          path: setPath(key),
          query,
          body,
          contentType,
        });
        this.#take(key, answer);
      } catch (error) {
        if (error instanceof ApiError && error.isMissing) {
          throw new WorkloadMissingError(`Cannot ${what}: there is none`);
        }
        throw error;
      }
    });
  }

  async delete(key: WorkloadKey): Promise<void> {
    const what = `delete workload "${workloadPath(key)}"`;
    await this.#doing(what, async () => {
      const live = await this.#get(key);
      if (live === null) return;
      requireOurs(key, live, what);
      const preconditions = live.metadata.uid === undefined ? {} : { preconditions: { uid: live.metadata.uid } };
      const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background", ...preconditions };
      try {
        await this.#cluster.client.request({ method: "DELETE", path: setPath(key), body });
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isMissing) throw error;
      }
      for (const reflector of this.#sets) reflector.drop(`${key.namespace}/${setName(key.name)}`);
    });
  }

  /** @throws OrchestratorError while anything of it is not known, or may have changed unseen. */
  async list(): Promise<WorkloadStatus[]> {
    await this.#firstRead();
    for (const reflector of [...this.#sets, ...this.#pods]) {
      const problem = reflector.problem ?? (reflector.items() === null ? notRead : null);
      if (problem === null) continue;
      const message = `Cannot list the workloads of cluster "${this.#cluster.clusterId}": ${problem.reason}`;
      throw new OrchestratorError(message, new ApiError("", problem).kind);
    }
    const sets = this.#sets.flatMap(valuesOf)
      .filter(({ clusterId }) => clusterId === "" || clusterId === this.#cluster.clusterId);
    const pods = Map.groupBy(this.#pods.flatMap(valuesOf), ({ namespace, setName: set }) => `${namespace}/${set}`);
    const statuses = sets.map(async (set) => {
      const own = pods.get(`${set.namespace}/${set.setName}`) ?? [];
      // Pods that do not even come to be, as for want of quota, can say nothing: the set's events do.
      const uncreated = own.length < set.replicas ? await this.#creation.problemOf(set) : "";
      return this.#statusOf(set, own, uncreated);
    });
    return (await Promise.all(statuses)).toSorted((a, b) => workloadPath(a) < workloadPath(b) ? -1 : 1);
  }

  async close(): Promise<void> {
    this.#changed();
    await Promise.all([...this.#sets, ...this.#pods].map((reflector) => reflector.close()));
  }

  #statusOf(set: SetView, pods: readonly PodView[], uncreated: string): WorkloadStatus {
    const { namespace, workload, replicas, fingerprint, replicasApplied, drift } = set;
    const byOrdinal = new Map(pods.map((pod) => [pod.ordinal, pod]));
    const missing = Array.from({ length: replicas }, (_, ordinal) => ordinal).filter((one) => !byOrdinal.has(one));
    const instances = [...byOrdinal.keys(), ...missing].toSorted((a, b) => a - b)
      .map((ordinal) => instanceStatus(workload, ordinal, byOrdinal.get(ordinal)));
    return {
      clusterId: this.#cluster.clusterId,
      namespace,
      name: workload,
      replicas,
      fingerprint,
      replicasApplied,
      drift,
      problem: pods.toSorted((a, b) => a.ordinal - b.ordinal).find((pod) => pod.problem !== "")?.problem ?? uncreated,
      instances,
    };
  }

  async #doing(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw orchestratorErrorOf(error, what);
    }
  }

  async #get(key: WorkloadKey): Promise<KubeObject | null> {
    try {
      return kubeObject.parse(await this.#cluster.client.request({ method: "GET", path: setPath(key) }));
    } catch (error) {
      if (error instanceof ApiError && error.isMissing) return null;
      throw error;
    }
  }

  #take({ namespace }: WorkloadKey, answer: unknown): void {
    const object = kubeObject.parse(answer);
    const { namespaces } = this.#cluster;
    this.#sets[namespaces.length === 0 ? 0 : namespaces.indexOf(namespace)]?.take(object);
  }

  #requireNamespace({ namespace }: WorkloadKey, what: string): void {
    const { namespaces } = this.#cluster;
    if (namespaces.length === 0 || namespaces.includes(namespace)) return;
    throw new OrchestratorError(
      `Cannot ${what}: this service may use only namespace ${namespaces.join(", ")}`,
      "invalid",
    );
  }

  #isRead(): boolean {
    return [...this.#sets, ...this.#pods].every((reflector) =>
      reflector.items() !== null || reflector.problem !== null
    );
  }

  /** Resolves once everything was read or could not be, but not later than after a while. */
  #firstRead(): Promise<void> {
    if (this.#isRead()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#waiting.delete(look);
        resolve();
      };
      const look = () => {
        if (this.#isRead()) done();
      };
      const cancel = this.#options.clock.after(firstReadMs, done);
      this.#waiting.add(look);
    });
  }

  #changed(): void {
    for (const look of this.#waiting) look();
    this.#options.onChange();
  }
}

function setPath({ namespace, name }: WorkloadKey): string {
  return `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/statefulsets/${encodeURIComponent(setName(name))}`;
}

/** Two clusters of ours may be one of Kubernetes', and a name without what Kubernetes does not allow may be another's. */
function requireOurs(key: WorkloadKey, { metadata }: KubeObject, what: string): void {
  const { [annotations.clusterId]: clusterId, [annotations.workload]: name } = metadata.annotations ?? {};
  const isOurs = (clusterId ?? key.clusterId) === key.clusterId && (name ?? key.name) === key.name;
  if (!isOurs) {
    throw new OrchestratorError(`Cannot ${what}: its StatefulSet belongs to ${clusterId}/…/${name}`, "invalid");
  }
  if (metadata.deletionTimestamp !== undefined) {
    throw new OrchestratorError(`Cannot ${what}: its StatefulSet is being deleted`, "conflict");
  }
}

function instanceStatus(workload: string, ordinal: number, pod: PodView | undefined): InstanceStatus {
  const { state = "starting", restarts = 0, lastEnd = "" } = pod ?? {};
  return { name: instanceName(workload, ordinal), ordinal, state, pid: 0, restarts, lastEnd };
}

function valuesOf<T>(reflector: Reflector<T>): T[] {
  return Array.from(reflector.items()?.values() ?? [], ({ value }) => value);
}
