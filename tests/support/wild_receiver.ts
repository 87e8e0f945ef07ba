import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { uncompressSync } from "snappy";
import type { Random } from "../../core/runtime/env.ts";
import { decodeWriteRequest } from "../../exporter/sinks/remote_write/decode_testing.ts";
import { recordKey } from "./delivered_scrapes.ts";

/** How a receiver behaves: as every one does at its best, at random, or without taking anything. */
export type Mood = "good" | "wild" | "dead";

const faults = ["refuse", "error", "unavailable", "slow down", "cut", "slow"] as const;
export type Fault = (typeof faults)[number];

const slowMsMax = 400;

/** A receiver of remote write 1.0 on loopback that misbehaves. */
export class WildReceiver {
  mood: Mood = "good";
  /** How often it has received each record, whatever it answered then. */
  readonly records = new Map<string, number>();
  readonly faults = new Map<Fault, number>();
  readonly #random: Random;
  readonly #server = createServer();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(random: Random) {
    this.#random = random;
    this.#server.on("connection", (socket) => {
      if (this.mood === "dead" || this.mood === "wild" && this.#random.float() < 0.1) {
        this.#count("refuse");
        socket.destroy();
      }
    });
    this.#server.on("request", (request, response) => {
      const chunks: Uint8Array[] = [];
      request.on("error", () => response.destroy());
      request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      request.on("end", () => this.#answer(Buffer.concat(chunks), response));
    });
  }

  static async start(random: Random): Promise<WildReceiver> {
    const receiver = new WildReceiver(random);
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/write`;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  /** Half of the requests go wrong; of these, "cut" and "slow" after it has taken all of them. */
  #answer(body: Uint8Array, response: ServerResponse): void {
    const isGood = this.mood === "good" || this.mood === "wild" && this.#random.float() < 0.5;
    const fault = isGood ? null : faults[Math.floor(this.#random.float() * faults.length)] ?? null;
    if (fault !== null) this.#count(fault);
    if (this.mood === "dead" || fault === "refuse") response.destroy();
    else if (fault === "error") response.writeHead(500).end("out of order");
    else if (fault === "unavailable") response.writeHead(503).end();
    else if (fault === "slow down") response.writeHead(429, { "retry-after": "1" }).end();
    else this.#take(body, fault, response);
  }

  #take(body: Uint8Array, fault: Fault | null, response: ServerResponse): void {
    for (const { labels, samples } of decodeWriteRequest(uncompressSync(Buffer.from(body)) as Buffer)) {
      const found = Object.fromEntries(labels);
      for (const { value, timestampMs } of samples) {
        const key = recordKey({ name: found["__name__"] ?? "", labels: found, value, timestampMs });
        if (key !== null) this.records.set(key, (this.records.get(key) ?? 0) + 1);
      }
    }
    if (fault === "cut") {
      response.destroy();
    } else if (fault === "slow") {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        response.writeHead(204).end();
      }, this.#random.float() * slowMsMax);
      this.#timers.add(timer);
    } else {
      response.writeHead(204).end();
    }
  }

  #count(fault: Fault): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }
}
