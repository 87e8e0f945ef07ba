import type { Registry, RegistryModule, RegistryRecord } from "../../core/registry/records.ts";
import { type Component, type Discovery, emptySnapshot } from "./discovery.ts";

const modules = ["service", "collector", "exporter"] as const satisfies readonly RegistryModule[];

/** Finds the components of the platform, this system's own among them, in the registry. */
export function makeRegistryDiscovery(registry: Registry): Discovery {
  return {
    name: "registry",
    clusters: "all",
    async watch(onChange) {
      const known = new Map<RegistryModule, readonly Component[]>();
      let reported = "";
      const take = (module: RegistryModule, records: readonly RegistryRecord[]) => {
        known.set(module, records.map(componentOf).toSorted((a, b) => a.id < b.id ? -1 : 1));
        if (known.size < modules.length) return;
        const components = modules.flatMap((one) => known.get(one) ?? []);
        // Records are renewed every few seconds with a new load, which is nothing to a target.
        const text = JSON.stringify(components);
        if (text === reported) return;
        reported = text;
        onChange({ ...emptySnapshot, components });
      };
      const watches = await Promise.all(modules.map((module) => registry.watch(module, (now) => take(module, now))));
      return {
        async close() {
          await Promise.all(watches.map((watch) => watch.close()));
        },
      };
    },
  };
}

function componentOf(record: RegistryRecord): Component {
  return {
    clusterId: record.cluster,
    id: record.id,
    module: record.module,
    ip: record.ip,
    metricPort: record.metric_port,
    scheme: record.scheme,
  };
}
