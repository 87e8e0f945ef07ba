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
}

export type RegistryModule = "service" | "collector" | "exporter";

export interface Registry {
  /**
   * Announces the record and renews its lease until the registration is closed, which withdraws it.
   * `record` is called for each renewal, so that load is current.
   */
  register(record: () => RegistryRecord): Promise<Registration>;
  /** Reports the live records of a module now and after each change, expiry included. */
  watch(module: RegistryModule, onChange: (records: readonly RegistryRecord[]) => void): Promise<{
    close(): Promise<void>;
  }>;
}

export interface Registration {
  close(): Promise<void>;
}
