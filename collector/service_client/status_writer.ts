import type { CollectorStatus } from "../../core/registry/status.ts";
import { diffStatus } from "../../core/registry/status_delta.ts";
import { ServiceRefusalError, type ServiceRequests } from "./requests.ts";

/** Statuses that say that a delta did not fit; the whole status does. */
const wholeWanted = new Set([404, 409]);

/** Sends a collector's status: whole at first and whenever a service wants it so, else what changed. */
export class StatusWriter {
  readonly #requests: Pick<ServiceRequests, "send">;
  readonly #path: string;
  /** What a service took last. */
  #taken: CollectorStatus | null = null;

  constructor(requests: Pick<ServiceRequests, "send">, place: { cluster: string; namespace: string; name: string }) {
    this.#requests = requests;
    const { cluster, namespace, name } = place;
    this.#path = `/v1/clusters/${cluster}/namespaces/${namespace}/collectors/${name}/status`;
  }

  /** @throws what {@link ServiceRequests.send} does. */
  async write(status: CollectorStatus): Promise<void> {
    const before = this.#taken;
    // Whether a request that fails was taken is not known, so the next one is whole again.
    this.#taken = null;
    if (before === null || !await this.#put(diffStatus(before, status))) await this.#put(status);
    this.#taken = status;
  }

  /** False when the whole status is wanted instead. */
  async #put(report: object): Promise<boolean> {
    try {
      await this.#requests.send({ method: "PUT", path: this.#path, body: JSON.stringify(report) });
      return true;
    } catch (error) {
      if (error instanceof ServiceRefusalError && wholeWanted.has(error.status) && "sinceMs" in report) return false;
      throw error;
    }
  }
}
