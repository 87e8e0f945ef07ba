import type {
  LiveRecord,
  Registry,
  RegistryModule,
  RegistryRecord,
  RegistryWatching,
} from "../../core/registry/records.ts";

type Listener = (records: readonly RegistryRecord[]) => void;

/** A registry for tests whose records are set by hand; it reports nothing before that. */
export class FakeRegistry implements Registry {
  readonly #records = new Map<RegistryModule, readonly RegistryRecord[]>();
  readonly #listeners: { readonly module: RegistryModule; readonly onChange: Listener }[] = [];

  register(): Promise<{ close(): Promise<void> }> {
    return Promise.resolve({ close: () => Promise.resolve() });
  }

  watch(module: RegistryModule, onChange: Listener): Promise<RegistryWatching> {
    this.#listeners.push({ module, onChange });
    const live = () => (this.#records.get(module) ?? []).map(liveOf);
    return Promise.resolve({ live, close: () => Promise.resolve() });
  }

  set(module: RegistryModule, records: readonly RegistryRecord[]): void {
    this.#records.set(module, records);
    for (const listener of this.#listeners) if (listener.module === module) listener.onChange(records);
  }
}

/** A record as the registry shows it that was renewed at 1000. */
export function liveOf(record: RegistryRecord): LiveRecord {
  return { leaseMs: 15_000, renewedAtMs: 1000, ...record };
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
