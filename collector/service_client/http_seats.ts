import { z } from "zod";
import { parseJson } from "../../core/json.ts";
import type { CollectorIdentity } from "../../core/protocol/session.ts";
import { type Seat, seatMessage } from "../../core/registry/ordinals/seat.ts";
import type { Seats } from "../../core/registry/ordinals/stored_seats.ts";
import type { ServiceRequests } from "./requests.ts";

const path = "/v1/registry/ordinals";
const list = z.object({ seats: z.array(seatMessage) });
const outcome = z.object({ held: z.boolean() });

/** The numbers of a workload's collectors, through a service. */
export class HttpSeats implements Seats {
  readonly #requests: Pick<ServiceRequests, "send">;
  readonly #place: { readonly cluster: string; readonly namespace: string; readonly workload: string };

  /** @param identity whose name is that of the workload. */
  constructor(requests: Pick<ServiceRequests, "send">, { cluster, namespace, name }: CollectorIdentity) {
    this.#requests = requests;
    this.#place = { cluster, namespace, workload: name };
  }

  async list(): Promise<Seat[]> {
    const query = new URLSearchParams(this.#place).toString();
    const text = await this.#requests.send({ method: "GET", path: `${path}?${query}` });
    return list.parse(parseJson(text)).seats;
  }

  claim(seat: Seat): Promise<boolean> {
    return this.#post("claim", seat);
  }

  renew(seat: Seat): Promise<boolean> {
    return this.#post("renew", seat);
  }

  async #post(what: string, seat: Seat): Promise<boolean> {
    const body = JSON.stringify({ ...this.#place, seat });
    const text = await this.#requests.send({ method: "POST", path: `${path}/${what}`, body });
    return outcome.parse(parseJson(text)).held;
  }
}
