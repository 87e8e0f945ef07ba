import {
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  jetstreamManager,
} from "@nats-io/jetstream";
import { connect, type ConnectionOptions, errors, type NatsConnection } from "@nats-io/transport-node";
import { messageOf } from "../../../core/errors.ts";
import type { Message } from "./messages.ts";
import { messageId } from "./subject.ts";

export interface NatsLinkOptions {
  /** Asked for at each connection, so that renewed secrets and certificates are used. */
  readonly connection: () => Promise<ConnectionOptions>;
  /** A stream to be made, unless there is one of that name; null expects that there is one. */
  readonly stream: { readonly name: string; readonly subjects: readonly string[] } | null;
  /** For connecting, and for each acknowledgement. */
  readonly timeoutMs: number;
}

/** NATS did not take a message, or cannot be reached. */
export class NatsError extends Error {
  override name = "NatsError";
  /** It will never take this message. */
  readonly permanent: boolean;
  /** Credentials are wrong, or rights are missing. */
  readonly alarm: boolean;

  constructor(message: string, options: { cause?: unknown; permanent?: boolean; alarm?: boolean }) {
    super(message, { cause: options.cause });
    this.permanent = options.permanent ?? false;
    this.alarm = options.alarm ?? false;
  }
}

/** JetStream's code for a message that is larger than its stream allows. */
const messageTooLarge = 10_054;
const textEncoder = new TextEncoder();

/**
 * A connection with JetStream: opened when something is to be sent, and anew after it was lost. The client's own
 * reconnecting is off: it would hold messages back in memory, and use the credentials of the start for ever.
 */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  #client: { readonly connection: NatsConnection; readonly jetstream: JetStreamClient } | null = null;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
  }

  /** @throws NatsError */
  async open(): Promise<void> {
    if (this.#client !== null && !this.#client.connection.isClosed()) return;
    const { timeoutMs, connection: options, stream } = this.#options;
    let connection: NatsConnection | null = null;
    try {
      connection = await connect({ ...await options(), reconnect: false, timeout: timeoutMs });
      if (stream !== null) await this.#makeStream(connection, stream);
      this.#client = { connection, jetstream: jetstream(connection, { timeout: timeoutMs }) };
    } catch (error) {
      await connection?.close();
      throw failure("Cannot connect to NATS", error);
    }
  }

  /** Bytes that the server takes in one message. The link is open. */
  get payloadBytesMax(): number {
    return this.#client?.connection.info?.max_payload ?? 1024 * 1024;
  }

  /** Resolves when the stream has stored the message, or had it already. @throws NatsError */
  async publish({ subject, payload }: Message): Promise<void> {
    const client = this.#client;
    if (client === null) throw new NatsError("Cannot publish: not connected", {});
    const { timeoutMs } = this.#options;
    const tooLarge = payload.length + textEncoder.encode(subject).length > this.payloadBytesMax;
    if (tooLarge) {
      const why = `${payload.length} bytes are more than the server's max_payload of ${this.payloadBytesMax}`;
      throw new NatsError(`Cannot publish to "${subject}": ${why}`, { permanent: true });
    }
    try {
      await client.jetstream.publish(subject, payload, { msgID: messageId(subject, payload), timeout: timeoutMs });
    } catch (error) {
      throw failure(`Cannot publish to "${subject}"`, error);
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.connection.close();
  }

  async #makeStream(connection: NatsConnection, stream: NonNullable<NatsLinkOptions["stream"]>): Promise<void> {
    const manager = await jetstreamManager(connection, { timeout: this.#options.timeoutMs });
    try {
      await manager.streams.info(stream.name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamNotFound) throw error;
      await manager.streams.add({ name: stream.name, subjects: [...stream.subjects] });
    }
  }
}

function failure(what: string, error: unknown): NatsError {
  if (error instanceof JetStreamApiError) {
    const permanent = error.code === messageTooLarge;
    return new NatsError(`${what}: ${error.message} (${error.code})`, { cause: error, permanent });
  }
  if (error instanceof RangeError) return new NatsError(`${what}: ${error.message}`, { cause: error, alarm: true });
  const text = messageOf(error);
  const alarm = error instanceof errors.AuthorizationError || error instanceof errors.PermissionViolationError
    || /authorization|permission|certificate/i.test(text);
  const advice = isWithoutStream(error) ? "no stream takes this subject: make one, or set createStream" : text;
  return new NatsError(`${what}: ${advice}`, { cause: error, alarm });
}

function isWithoutStream(error: unknown): boolean {
  if (error instanceof errors.NoRespondersError || error instanceof errors.RequestError && error.isNoResponders()) {
    return true;
  }
  return error instanceof Error && (error.name === "JetStreamNotEnabled" || isWithoutStream(error.cause));
}
