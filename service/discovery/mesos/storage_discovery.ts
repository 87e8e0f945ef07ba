import type { Clock, Random } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { ApiClient } from "../../clusters/api_client.ts";
import { kubeObject } from "../../kubernetes/objects.ts";
import { type Discovery, emptySnapshot, type Pod } from "../discovery.ts";
import { readPod } from "../kubernetes/read_pod.ts";
import { readTaskgroup } from "./read_taskgroup.ts";
import { StorageCopy, type StorageItem } from "./storage_copy.ts";

export interface StorageDiscoveryOptions {
  readonly clusterId: string;
  /** `mesos` has taskgroups, `k8s` pods. */
  readonly clusterType: "mesos" | "k8s";
  readonly storage: Pick<ApiClient, "request" | "stream">;
  /** The only ones that may be looked into; empty for all. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
}

/** Finds the taskgroups or pods of a cluster in BCS storage. */
export function makeStorageDiscovery(options: StorageDiscoveryOptions): Discovery {
  const { clusterId, clusterType, namespaces } = options;
  const wanted = new Set(namespaces);
  const read = clusterType === "mesos" ? readTaskgroup : readStoredPod;
  return {
    name: `BCS storage ${clusterId}`,
    clusters: [clusterId],
    watch(onChange) {
      const copy = new StorageCopy<Pod>({
        ...options,
        resourceType: clusterType === "mesos" ? "taskgroup" : "pod",
        read(item) {
          const pod = read(clusterId, item);
          return pod === null || (wanted.size > 0 && !wanted.has(pod.namespace)) ? null : pod;
        },
        onChange() {
          onChange({ ...emptySnapshot, pods: copy.values() ?? [] });
        },
      });
      copy.start();
      return Promise.resolve({ close: () => copy.close() });
    },
  };
}

function readStoredPod(clusterId: string, item: StorageItem): Pod | null {
  const object = kubeObject.safeParse(item.data);
  return object.success ? readPod(clusterId, object.data) : null;
}
