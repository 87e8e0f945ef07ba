import { MalformedError } from "../../core/protocol/bytes.ts";
import { type Frame, frameHeaderBytes, FrameType } from "../../core/protocol/frame.ts";
import { summarizeScrapes } from "../../core/protocol/scrapes.ts";
import { decodeLost, encodeUnknown } from "../../core/protocol/session.ts";
import type { Origin } from "../wal/wal.ts";
import { unknownsInRowMax } from "./limits.ts";
import { ProtocolError, type SessionEffect, type SessionState } from "./session_state.ts";
import { inspectScrapes, markUsed } from "./shapes.ts";

const duplicate: readonly SessionEffect[] = [{ type: "skip", why: "duplicate" }];
const rewound: readonly SessionEffect[] = [{ type: "skip", why: "rewound" }];

/**
 * Takes a SCRAPES frame of an open session: appends it, asks for the shapes that it lacks, or skips it
 * (docs/protocol.md, sections 4 and 6).
 */
export function takeScrapes(state: SessionState, origin: Origin, frame: Frame): readonly SessionEffect[] {
  const sequence = readSequence(frame.id);
  if (state.rewinding && sequence !== state.expected) return rewound;
  if (sequence < state.expected) return duplicate;
  expectSequence(state, sequence);
  const summaries = summarizeScrapes(frame.body);
  const { missing, samples } = inspectScrapes(summaries, state.context.shapes);
  if (missing.size > 0) return askAgain(state, sequence, [...missing]);
  markUsed(state, summaries);
  const record = { kind: "scrapes", origin, sequence, body: new Uint8Array(frame.body) } as const;
  return append(state, { record, lastSequence: sequence, samples, frame });
}

/** Takes a LOST frame of an open session: its whole range must be what comes next. */
export function takeLost(state: SessionState, origin: Origin, frame: Frame): readonly SessionEffect[] {
  const lastSequence = readSequence(frame.id);
  const lost = decodeLost(lastSequence, frame.body);
  const { firstSequence } = lost;
  if (!Number.isSafeInteger(firstSequence) || firstSequence < 1 || firstSequence > lastSequence) {
    throw new MalformedError(`Cannot read LOST: the range ${firstSequence} to ${lastSequence} is empty`);
  }
  if (state.rewinding && firstSequence !== state.expected) return rewound;
  if (lastSequence < state.expected) return duplicate;
  expectSequence(state, firstSequence);
  return append(state, { record: { kind: "lost", origin, lost }, lastSequence, samples: 0, frame });
}

/** Takes a type 1 or 3 frame of an open session, whose sequence is the one after the previous. */
export function takeOpaque(state: SessionState, origin: Origin, frame: Frame): readonly SessionEffect[] {
  if (state.rewinding) return rewound;
  const sequence = state.expected;
  return append(state, { record: opaqueRecord(origin, sequence, frame), lastSequence: sequence, samples: 0, frame });
}

/** Takes a type 1 or 3 frame of an old client, which has no sequence and is not acknowledged. */
export function takeOldRecord(frame: Frame): readonly SessionEffect[] {
  const bytes = frameHeaderBytes + frame.body.length;
  return [{ type: "append", record: opaqueRecord(null, 0, frame), sequence: 0, samples: 0, bytes }];
}

function opaqueRecord(origin: Origin | null, sequence: number, frame: Frame) {
  const { type: frameType, id, timestampNs } = frame;
  return { kind: "opaque", origin, sequence, frameType, id, timestampNs, body: new Uint8Array(frame.body) } as const;
}

type Append = Extract<SessionEffect, { type: "append" }>;

function append(
  state: SessionState,
  taken: { record: Append["record"]; lastSequence: number; samples: number; frame: Frame },
): readonly SessionEffect[] {
  const { record, lastSequence, samples, frame } = taken;
  state.expected = lastSequence + 1;
  state.rewinding = false;
  state.unknownsInRow = 0;
  const bytes = frameHeaderBytes + frame.body.length;
  return [{ type: "append", record, sequence: lastSequence, samples, bytes }];
}

function askAgain(state: SessionState, sequence: number, missing: readonly string[]): readonly SessionEffect[] {
  state.unknownsInRow++;
  if (state.unknownsInRow > unknownsInRowMax) {
    const times = `${unknownsInRowMax} times`;
    throw new ProtocolError("repeated_unknown", `Cannot take sequence ${sequence}: asked for its shapes ${times}`);
  }
  state.rewinding = true;
  return [{ type: "send", frameType: FrameType.unknown, id: BigInt(sequence), body: encodeUnknown(missing) }];
}

function readSequence(id: bigint): number {
  if (id < 1n || id > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedError(`Cannot read sequence ${id}`);
  return Number(id);
}

function expectSequence(state: SessionState, sequence: number): void {
  if (sequence === state.expected) return;
  throw new ProtocolError("sequence", `Cannot take sequence ${sequence}: ${state.expected} is next`);
}
