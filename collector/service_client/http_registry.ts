import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import { readRecord } from "../../core/registry/lease_entry.ts";
import type { Registration, Registry, RegistryRecord } from "../../core/registry/records.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { ExporterRegistry } from "../send/mod.ts";
import { ServiceRefusalError, type ServiceRequests } from "./requests.ts";

/** How often the exporters are asked for. */
export const pollMs = 5000;

/** A request that failed is sent again after this. */
const retryMs = 1000;

/** How often a lease is renewed until a service has said how long it is. */
const renewMsDefault = 5000;

/** Records that one answer may hold; more are cut off. */
const recordsMax = 10_000;

interface Deps {
  readonly requests: Pick<ServiceRequests, "send">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The registry through a service, for a collector without the store. Failures are logged and tried again; what was
 * last seen stays so meanwhile.
 */
export function makeHttpRegistry(deps: Deps): Pick<Registry, "register"> & ExporterRegistry {
  return {
    async register(record) {
      const registration = new HttpRegistration(deps, record);
      await registration.start();
      return registration;
    },
    watch(_module, onChange) {
      let known = "";
      const loop = new Loop(deps, "asking for the exporters", async () => {
        const records = readExporters(await deps.requests.send({ method: "GET", path: "/v1/exporters" }));
        const text = JSON.stringify(records);
        // An empty list means that nothing is known, as while the service has not seen them all yet.
        if (text !== known && records.length > 0 && !loop.isClosed) onChange(records);
        known = text;
        return pollMs;
      });
      // The first answer is not waited for: a collector scrapes before any service is there.
      void loop.start();
      return Promise.resolve({ close: () => loop.close() });
    },
  };
}

/** Does something again and again: after the time that it gives, or soon when it fails. */
class Loop {
  readonly #deps: Deps;
  readonly #what: string;
  readonly #run: () => Promise<number>;
  #running: Promise<void> = Promise.resolve();
  #cancelTimer = () => {};
  #lastFailure = "";
  isClosed = false;

  constructor(deps: Deps, what: string, run: () => Promise<number>) {
    this.#deps = deps;
    this.#what = what;
    this.#run = run;
  }

  /** Resolves after the first time. */
  start(): Promise<void> {
    this.#running = this.#once();
    return this.#running;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.#cancelTimer();
    await this.#running;
  }

  async #once(): Promise<void> {
    let delayMs = retryMs;
    try {
      delayMs = await this.#run();
      this.#lastFailure = "";
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#lastFailure) this.#deps.log.warn({ reason }, `${this.#what} failed; it is tried again`);
      this.#lastFailure = reason;
    }
    if (!this.isClosed) this.#cancelTimer = this.#deps.clock.after(delayMs, () => void this.start());
  }
}

const leaseSchema = z.object({ leaseMs: z.number().min(3) });

/** Keeps one record in the registry for as long as its process runs. */
class HttpRegistration implements Registration {
  readonly #deps: Deps;
  readonly #record: () => RegistryRecord;
  readonly #path: string;
  readonly #loop: Loop;
  #isAnnounced = false;

  constructor(deps: Deps, record: () => RegistryRecord) {
    this.#deps = deps;
    this.#record = record;
    this.#path = `/v1/registry/collectors/${record().id}`;
    this.#loop = new Loop(deps, "announcing to the registry", () => this.#renew());
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Ends the renewals and withdraws the record. */
  async close(): Promise<void> {
    await this.#loop.close();
    if (!this.#isAnnounced) return;
    const { cluster, namespace, instance } = this.#record();
    const query = new URLSearchParams({ cluster, namespace, instance }).toString();
    try {
      await this.#deps.requests.send({ method: "DELETE", path: `${this.#path}?${query}` });
    } catch (error) {
      const reason = messageOf(error);
      this.#deps.log.warn({ reason }, "withdrawing from the registry failed; the lease will run out");
    }
  }

  /** Returns the milliseconds until the next renewal. */
  async #renew(): Promise<number> {
    const record = this.#record();
    if (this.#isAnnounced) {
      const { cluster, namespace, instance, load, ledger } = record;
      const answer = await this.#post(JSON.stringify({ cluster, namespace, instance, load, ledger }));
      if (answer !== null) return periodOf(answer);
    }
    const answer = await this.#deps.requests.send({ method: "PUT", path: this.#path, body: JSON.stringify(record) });
    this.#isAnnounced = true;
    return periodOf(answer);
  }

  /** Null when the record has to be announced anew: it was removed, or another process took its place. */
  async #post(body: string): Promise<string | null> {
    try {
      return await this.#deps.requests.send({ method: "POST", path: this.#path, body });
    } catch (error) {
      if (!(error instanceof ServiceRefusalError)) throw error;
      if (error.status === 409) {
        this.#deps.log.warn({ path: this.#path }, "another process announces the same id; give each its own name");
      } else if (error.status !== 404) {
        throw error;
      }
      return null;
    }
  }
}

/** A lease is renewed three times as often as it would run out. */
function periodOf(answer: string): number {
  const read = leaseSchema.safeParse(jsonOf(answer));
  return read.success ? read.data.leaseMs / 3 : renewMsDefault;
}

const exportersSchema = z.object({ exporters: z.array(z.unknown()).max(recordsMax) });

/** Records that cannot be read are left out. */
function readExporters(text: string): RegistryRecord[] {
  const answer = exportersSchema.parse(jsonOf(text));
  return answer.exporters.flatMap((one) => {
    const read = readRecord(one);
    return read.ok ? [read.record] : [];
  });
}

/** Undefined when the text is no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
