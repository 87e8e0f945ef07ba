import type { Clock, Random } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { KubeClient } from "../../kubernetes/client.ts";
import { Reflector } from "../../kubernetes/reflector.ts";
import { type Discovery, emptySnapshot, type Pod } from "../discovery.ts";
import { readPod } from "./read_pod.ts";

export interface PodsDiscoveryOptions {
  readonly clusterId: string;
  readonly client: Pick<KubeClient, "request" | "stream">;
  /** The only ones that may be looked into; empty for all. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
}

/** Finds the pods of a Kubernetes cluster. */
export function makePodsDiscovery(options: PodsDiscoveryOptions): Discovery {
  const { clusterId, namespaces, client, clock, random } = options;
  return {
    name: `kubernetes ${clusterId}`,
    clusters: [clusterId],
    watch(onChange) {
      // A pod that changes in what does not matter here, such as its conditions, is as it was.
      const known = new Map<string, { readonly text: string; readonly pod: Pod }>();
      let isNews = true;
      const read = (pod: Pod): Pod => {
        const key = `${pod.namespace}/${pod.name}`;
        const text = JSON.stringify(pod);
        const before = known.get(key);
        if (before?.text === text) return before.pod;
        isNews = true;
        known.set(key, { text, pod });
        return pod;
      };
      const report = () => {
        const all = reflectors.map((reflector) => reflector.items());
        if (all.some((items) => items === null)) return;
        const pods = all.flatMap((items) => Array.from(items?.values() ?? [], ({ value }) => value));
        if (pods.length !== known.size) {
          isNews = true;
          const there = new Set(pods.map((pod) => `${pod.namespace}/${pod.name}`));
          for (const key of known.keys()) if (!there.has(key)) known.delete(key);
        }
        if (!isNews) return;
        isNews = false;
        onChange({ ...emptySnapshot, pods });
      };
      const scopes = namespaces.length === 0 ? [""] : namespaces.map((one) => `/namespaces/${one}`);
      const reflectors = scopes.map((scope) =>
        new Reflector({
          client,
          clock,
          random,
          log: options.log.child({ cluster: clusterId }),
          path: `/api/v1${scope}/pods`,
          read(object) {
            const pod = readPod(clusterId, object);
            return pod === null ? null : read(pod);
          },
          onChange: report,
        })
      );
      for (const reflector of reflectors) reflector.start();
      return Promise.resolve({
        async close() {
          await Promise.all(reflectors.map((reflector) => reflector.close()));
        },
      });
    },
  };
}
