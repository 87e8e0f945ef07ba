import { messageOf } from "../../errors.ts";
import type { CreateEntry } from "../../store/create_entry.ts";
import type { Store } from "../../store/store.ts";
import type { Logger } from "../../telemetry/log.ts";
import { readSeat, type Seat, seatPath, seatsFolder, writeSeat } from "./seat.ts";
import { highestOf } from "./seat_choice.ts";

/** The seats of one workload, of all its collectors. Every failure to reach them is an error thrown. */
export interface Seats {
  list(): Promise<Seat[]>;
  /**
   * Creates the seat, and takes it back unless it is won: it is ours, and none of its number is higher. Returns whether
   * it is won; nobody else is told that it is.
   */
  claim(seat: Seat): Promise<boolean>;
  /** Rewrites our seat. Returns false when it is gone, or there is a higher one. */
  renew(seat: Seat): Promise<boolean>;
}

export interface StoredSeatsOptions {
  readonly store: Pick<Store, "list" | "put" | "get" | "delete">;
  readonly create: CreateEntry;
  /** A safe name that no other workload has. */
  readonly workload: string;
  readonly log: Logger;
}

/** The seats in the store. */
export class StoredSeats implements Seats {
  readonly #options: StoredSeatsOptions;

  constructor(options: StoredSeatsOptions) {
    this.#options = options;
  }

  async list(): Promise<Seat[]> {
    const { store, workload } = this.#options;
    const entries = await store.list(seatsFolder(workload));
    return entries.map(({ path, text }) => readSeat(workload, path, text)).filter((seat) => seat !== null);
  }

  async claim(seat: Seat): Promise<boolean> {
    const { create, workload } = this.#options;
    const isNew = await create(seatPath(workload, seat), writeSeat(seat));
    const same = (await this.list()).filter(({ ordinal }) => ordinal === seat.ordinal);
    // Whoever asks twice, since the first answer was lost, may have won it then.
    const isOurs = isNew || same.some(({ epoch, instance }) => epoch === seat.epoch && instance === seat.instance);
    if (!isOurs) return false;
    // Who slept since it looked may have created an epoch that was claimed, outrun and removed meanwhile.
    const won = highestOf(same)[0]?.epoch === seat.epoch;
    await this.#remove(won ? same.filter(({ epoch }) => epoch < seat.epoch) : [seat]);
    return won;
  }

  async renew(seat: Seat): Promise<boolean> {
    const { store, workload } = this.#options;
    const path = seatPath(workload, seat);
    if (await store.get(path) === null) return false;
    await store.put(path, writeSeat(seat));
    const same = (await this.list()).filter(({ ordinal }) => ordinal === seat.ordinal);
    return highestOf(same)[0]?.epoch === seat.epoch;
  }

  /** What is left does no harm, and is removed by the next holder. */
  async #remove(seats: readonly Seat[]): Promise<void> {
    const { store, workload, log } = this.#options;
    for (const seat of seats) {
      try {
        await store.delete(seatPath(workload, seat));
      } catch (error) {
        log.debug({ ...seat, reason: messageOf(error) }, "removing an old claim to a number failed");
      }
    }
  }
}
