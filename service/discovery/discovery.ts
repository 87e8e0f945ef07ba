/**
 * Where targets come from. There is one implementation for each kind of source: the documents on the volume
 * (Application and Task), the registry (BCS components), the API servers of Kubernetes, and BCS storage.
 *
 * `watch` reports the whole of what the source knows: once as soon as it has been read completely, and after each
 * change. Missing is not empty: a source that cannot be read keeps its last snapshot in force, and one that could
 * never be read reports nothing at all. Reporting an equal snapshot again is allowed.
 */
export interface Discovery {
  /** Unique, for people, such as `documents`. */
  readonly name: string;
  /**
   * The ids of the clusters that it speaks for. Until it has been read completely their namespaces stay as they are,
   * and with `all` those of every cluster; other clusters' do not wait for it.
   */
  readonly clusters: readonly string[] | "all";
  /** Does not wait until the source can be read. */
  watch(onChange: (snapshot: Snapshot) => void): Promise<DiscoveryWatch>;
}

export interface DiscoveryWatch {
  close(): Promise<void>;
}

export interface Snapshot {
  readonly pods: readonly Pod[];
  readonly components: readonly Component[];
  readonly supplied: readonly SuppliedTargets[];
}

/** One instance of a business application: a Kubernetes pod, a Mesos taskgroup, or an entry of an Application file. */
export interface Pod {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  /** Only `Running` ones are scraped. */
  readonly phase: string;
  /** "" while it has none. */
  readonly ip: string;
  /** Address of the machine that it runs on; "" when that is not known. */
  readonly hostIp: string;
  /** `BRIDGE`, `HOST` or another; absent where the source does not tell: then the metric says it. */
  readonly networkMode?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly PodPort[];
  /** Whether it says of itself that it is ready; absent where the source does not tell. */
  readonly ready?: boolean;
  /** Name of the machine that it runs on. */
  readonly node?: string;
  /** What made it, such as `ReplicaSet` and `cart-5d9c`. */
  readonly controller?: { readonly kind: string; readonly name: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PodPort {
  /** "" when it has none. */
  readonly name: string;
  readonly port: number;
  /** Port of the host that leads to it; 0 when it is not published. */
  readonly hostPort: number;
}

/** A process of the platform that announced itself in the registry. */
export interface Component {
  /** "" for one that serves every cluster. */
  readonly clusterId: string;
  readonly id: string;
  readonly module: string;
  readonly ip: string;
  readonly metricPort: number;
  readonly scheme: "http" | "https";
}

/** Targets that somebody outside supplied, by a Task. */
export interface SuppliedTargets {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly pods: readonly SuppliedPod[];
}

export interface SuppliedPod {
  readonly name: string;
  readonly ip: string;
  /** Overrides the metric's port when positive. */
  readonly port: number;
}

export const emptySnapshot: Snapshot = { pods: [], components: [], supplied: [] };
