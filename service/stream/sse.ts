/** One server-sent event, as docs/streams.md describes the stream. */
export interface StreamEvent {
  readonly event: StreamEventName;
  /** The generation; absent for events that are about none. */
  readonly id?: number;
  /** One line of JSON. */
  readonly data: string;
}

export const streamEventNames = ["collection", "unchanged", "absent", "unavailable"] as const;

export type StreamEventName = (typeof streamEventNames)[number];

const encoder = new TextEncoder();

/** A comment: keeps the connection open, and tells the other side that this one is alive. */
export const heartbeat: Uint8Array = encoder.encode(":\n\n");

/** The first bytes of a stream: how long a client waits before it comes again, for clients other than ours. */
export const preamble: Uint8Array = encoder.encode("retry: 1000\n\n");

/** The bytes of an event. Its data must hold no line break, which JSON does not. */
export function encodeEvent({ event, id, data }: StreamEvent): Uint8Array {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return encoder.encode(`event: ${event}\n${idLine}data: ${data}\n\n`);
}
