import type { Registry, RegistryModule, RegistryRecord } from "../../core/registry/records.ts";

type Listener = (records: readonly RegistryRecord[]) => void;

/** A registry for tests whose records are set by hand; it reports nothing before that. */
export class FakeRegistry implements Registry {
  readonly #listeners: { readonly module: RegistryModule; readonly onChange: Listener }[] = [];

  register(): Promise<{ close(): Promise<void> }> {
    return Promise.resolve({ close: () => Promise.resolve() });
  }

  watch(module: RegistryModule, onChange: Listener): Promise<{ close(): Promise<void> }> {
    this.#listeners.push({ module, onChange });
    return Promise.resolve({ close: () => Promise.resolve() });
  }

  set(module: RegistryModule, records: readonly RegistryRecord[]): void {
    for (const listener of this.#listeners) if (listener.module === module) listener.onChange(records);
  }
}

export function recordOf(module: RegistryModule, id: string, over: Partial<RegistryRecord> = {}): RegistryRecord {
  return {
    ip: "127.0.0.1",
    port: 7073,
    metric_port: 7073,
    hostname: "host",
    scheme: "http",
    version: "1",
    cluster: "c1",
    pid: 42,
    module,
    id,
    namespace: "shop",
    load: {},
    instance: "i",
    ...over,
  };
}
