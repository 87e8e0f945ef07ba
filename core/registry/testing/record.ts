import type { RegistryModule, RegistryRecord } from "../records.ts";

/** A record for tests. */
export function recordOf(module: RegistryModule, id: string, over: Partial<RegistryRecord> = {}): RegistryRecord {
  return {
    ip: "127.0.0.1",
    port: 7071,
    metric_port: 7072,
    hostname: "host",
    scheme: "http",
    version: "0.1.0",
    cluster: "c1",
    pid: 1,
    module,
    id,
    namespace: "",
    load: { connections: 0 },
    instance: `instance of ${id}`,
    ...over,
  };
}
