/**
 * What a process tells about itself in the registry. The field names are those of the original system's service
 * discovery; `load` and the ones below it are ours. Unknown fields are tolerated.
 */
export interface RegistryRecord {
  readonly ip: string;
  readonly port: number;
  /** Port of `/metrics` and `/healthz`. */
  readonly metric_port: number;
  readonly hostname: string;
  readonly scheme: "http" | "https";
  readonly version: string;
  readonly cluster: string;
  readonly pid: number;
  readonly external_ip?: string;
  readonly external_port?: number;
  readonly module: RegistryModule;
  /** Unique among the module's instances; a safe name. */
  readonly id: string;
  /** Empty except for collectors. */
  readonly namespace: string;
  /** The module's own measures of its load, such as `connections` or `queueAgeMs`. */
  readonly load: Readonly<Record<string, number>>;
  /** Random for each start of the process, so that a restarted one is told from its predecessor. */
  readonly instance: string;
  /**
   * A collector's books of records, since its start: recovered + made = acknowledged + lost + held, where held =
   * heldMemory + heldDisk and lost is also split by reason, as `lost: <reason>`.
   */
  readonly ledger?: Readonly<Record<string, number>>;
  /** Of a collector, within its namespace; its id has it too, but not always so that it can be read there. */
  readonly name?: string;
}

/** A record that is in the registry, and how its lease stands. */
export interface LiveRecord extends RegistryRecord {
  /** How long it lives without being renewed. */
  readonly leaseMs: number;
  /** Unix milliseconds of the last renewal, by the clock of whoever wrote it. */
  readonly renewedAtMs: number;
}

export type RegistryModule = "service" | "collector" | "exporter";

export interface Registry {
  /**
   * Announces the record and renews its lease until the registration is closed, which withdraws it.
   * `record` is called for each renewal, so that load is current.
   */
  register(record: () => RegistryRecord): Promise<Registration>;
  /** Reports the live records of a module now and after each change, expiry included. */
  watch(module: RegistryModule, onChange: (records: readonly RegistryRecord[]) => void): Promise<RegistryWatching>;
}

export interface RegistryWatching {
  /** The live records as they are now. A renewal that changes nothing else is no change, but shows here. */
  live(): readonly LiveRecord[];
  close(): Promise<void>;
}

export interface Registration {
  close(): Promise<void>;
}
