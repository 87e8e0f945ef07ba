import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import { readRecord } from "../../core/registry/lease_entry.ts";
import type { RegistryRecord } from "../../core/registry/records.ts";
import type { Env } from "../../core/runtime/env.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { AssignmentSource, SourceEvent } from "../assignment/mod.ts";
import { servicesInOrder } from "./candidates.ts";
import { type ServerSentEvent, SseReader } from "./sse_reader.ts";
import {
  askMs,
  makeSubscriptionState,
  type SubscriptionEffect,
  type SubscriptionEvent,
  type SubscriptionState,
} from "./state.ts";
import { stepSubscription } from "./step.ts";
import type { ServiceTransport } from "./transport.ts";

export interface HttpSourceOptions {
  /** Bases of the services that are known from the start, such as `http://10.0.0.1:7070`; at least one. */
  readonly services: readonly string[];
  /** Path and query of the stream. */
  readonly path: string;
  readonly transport: ServiceTransport;
  readonly env: Pick<Env, "clock" | "random">;
  readonly log: Logger;
}

/** Follows a collection on the stream of a service: carries out what {@link stepSubscription} decides. */
export class HttpSource implements AssignmentSource {
  readonly #options: HttpSourceOptions;
  readonly #state: SubscriptionState;
  #onEvent: (event: SourceEvent) => void = () => {};
  /** Ends what was asked for or opened last, and makes its outcome be ignored. */
  #drop = () => {};
  #cancelTimer = () => {};

  constructor(options: HttpSourceOptions) {
    this.#options = options;
    this.#state = makeSubscriptionState(options.services);
  }

  start(onEvent: (event: SourceEvent) => void, generation: number): Promise<void> {
    this.#onEvent = onEvent;
    this.#step({ type: "start", generation });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#step({ type: "close" });
    this.#cancelTimer();
    return Promise.resolve();
  }

  /** All services that are known, the best to ask first. */
  services(): string[] {
    return servicesInOrder(this.#state);
  }

  #step(event: SubscriptionEvent): void {
    const { clock, random } = this.#options.env;
    for (const effect of stepSubscription(this.#state, event, { nowMs: clock.monotonicMs(), random })) {
      this.#carryOut(effect);
    }
  }

  #carryOut(effect: SubscriptionEffect): void {
    const { env, log } = this.#options;
    switch (effect.type) {
      case "ask":
        this.#ask(effect.url);
        break;
      case "open":
        this.#open(effect.url, effect.lastEventId);
        break;
      case "drop":
        this.#drop();
        break;
      case "wake":
        this.#cancelTimer();
        this.#cancelTimer = env.clock.after(effect.delayMs, () => this.#step({ type: "woken" }));
        break;
      case "report":
        this.#onEvent(effect.event);
        break;
      case "note":
        log[effect.level](effect.fields, effect.message);
        break;
    }
  }

  #ask(url: string): void {
    let dropped = false;
    this.#drop = () => dropped = true;
    const answered = (event: SubscriptionEvent) => {
      if (!dropped) this.#step(event);
    };
    this.#options.transport.request({ url, method: "GET", path: "/v1/services", timeoutMs: askMs }).then(
      ({ status, text }) => {
        const urls = status === 200 ? readServices(text) : null;
        const reason = status === 200 ? "its list of services cannot be read" : `HTTP ${status}`;
        answered(urls === null ? { type: "failed", reason } : { type: "services", urls });
      },
      (error: unknown) => answered({ type: "failed", reason: messageOf(error) }),
    );
  }

  #open(url: string, lastEventId: string | null): void {
    const { transport, path } = this.#options;
    let dropped = false;
    const reader = new SseReader();
    const send = (event: SubscriptionEvent) => {
      if (!dropped) this.#step(event);
    };
    const close = transport.stream(url, path, lastEventId === null ? {} : { "last-event-id": lastEventId }, {
      opened: () => send({ type: "opened" }),
      data: (bytes) => {
        send({ type: "heard" });
        read(reader, bytes, (message) => send({ type: "message", message }), (reason) => {
          send({ type: "failed", reason });
        });
      },
      ended: (reason) => send({ type: "failed", reason }),
    });
    this.#drop = () => {
      dropped = true;
      close();
    };
  }
}

function read(
  reader: SseReader,
  bytes: Uint8Array,
  onMessage: (message: ServerSentEvent) => void,
  onFailure: (reason: string) => void,
): void {
  try {
    reader.push(bytes, onMessage);
  } catch (error) {
    onFailure(messageOf(error));
  }
}

const answerSchema = z.object({ services: z.array(z.unknown()) });

/** The bases of the services in an answer; null when it is none. Records that cannot be read are left out. */
export function readServices(text: string): string[] | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const answer = answerSchema.safeParse(value);
  if (!answer.success) return null;
  return answer.data.services.flatMap((one) => {
    const record = readRecord(one);
    return record.ok && record.record.port > 0 ? [baseOf(record.record)] : [];
  });
}

function baseOf(record: RegistryRecord): string {
  const host = record.external_ip ?? record.ip;
  return `${record.scheme}://${formatAddress({ host, port: record.external_port ?? record.port })}`;
}
