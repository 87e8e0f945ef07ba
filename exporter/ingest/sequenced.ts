import { MalformedError } from "../../core/protocol/bytes.ts";
import { type Frame, frameHeaderBytes, FrameType } from "../../core/protocol/frame.ts";
import { type ScrapeSummary, summarizeScrapes } from "../../core/protocol/scrapes.ts";
import { decodeLost, encodeUnknown } from "../../core/protocol/session.ts";
import { recordProblem, targetProblem } from "../access/claims.ts";
import type { Origin } from "../wal/wal.ts";
import { unknownsInRowMax } from "./limits.ts";
import { ProtocolError, type SessionEffect, type SessionState } from "./session_state.ts";
import { inspectScrapes, markUsed } from "./shapes.ts";

/** A label's value, which is the peer's, may be as long as a frame. */
const refusalTextMax = 300;

const duplicate: readonly SessionEffect[] = [{ type: "skip", why: "duplicate" }];
const rewound: readonly SessionEffect[] = [{ type: "skip", why: "rewound" }];

/** Takes a SCRAPES frame of an open session (docs/protocol.md, sections 4 and 6). */
export function takeScrapes(state: SessionState, origin: Origin, frame: Frame): readonly SessionEffect[] {
  const sequence = readSequence(frame.id);
  return skipped(state, sequence)
    ?? takeSummarized(state, origin, sequence, summarizeScrapes(frame.body), new Uint8Array(frame.body));
}

/**
 * Takes a CODED frame of an open session: its records are treated one after the other as if each had come in a SCRAPES
 * frame. They are decoded whatever becomes of them, since the next frame is coded against them.
 */
export function takeCoded(state: SessionState, origin: Origin, frame: Frame): readonly SessionEffect[] {
  const { decoder } = state;
  if (decoder === null) throw new ProtocolError("frame_type", "Cannot take a CODED frame: WELCOME granted none");
  const first = readSequence(frame.id);
  return decoder.decode(frame.body).flatMap(({ body, summaries }, index) => {
    const sequence = first + index;
    return skipped(state, sequence) ?? takeSummarized(state, origin, sequence, summaries, body);
  });
}

/** What a record with a sequence means that is not the one to take; null when it is. */
function skipped(state: SessionState, sequence: number): readonly SessionEffect[] | null {
  if (state.rewinding && sequence !== state.expected) return rewound;
  if (sequence < state.expected) return duplicate;
  expectSequence(state, sequence);
  return null;
}

/** Appends the record that is next, or asks for the shapes that it lacks. `body` is its own copy. */
function takeSummarized(
  state: SessionState,
  origin: Origin,
  sequence: number,
  summaries: readonly ScrapeSummary[],
  body: Uint8Array<ArrayBuffer>,
): readonly SessionEffect[] {
  const { missing, samples } = inspectScrapes(summaries, state.context.shapes);
  if (missing.size > 0) return askAgain(state, sequence, [...missing]);
  markUsed(state, summaries);
  const problem = forgedTarget(state, origin, summaries);
  if (problem !== null) {
    const times = summaries.map(({ timestampMs }) => timestampMs);
    return refuse(state, { origin, sequence, records: summaries.length, samples, times, problem, body });
  }
  const record = { kind: "scrapes", origin, sequence, body } as const;
  return append(state, { record, lastSequence: sequence, samples, bodyBytes: body.length });
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
  return append(state, {
    record: { kind: "lost", origin, lost },
    lastSequence,
    samples: 0,
    bodyBytes: frame.body.length,
  });
}

/** Takes a type 1 or 3 frame of an open session, whose sequence is the one after the previous. */
export function takeOpaque(state: SessionState, origin: Origin, frame: Frame): readonly SessionEffect[] {
  if (state.rewinding) return rewound;
  const sequence = state.expected;
  const problem = state.grant === null ? null : recordProblem(frame.id, frame.body, origin, state.grant);
  if (problem !== null) {
    const times = [Number(frame.timestampNs / 1_000_000n)];
    return refuse(state, { origin, sequence, records: 1, samples: 0, times, problem, body: frame.body });
  }
  return append(state, {
    record: opaqueRecord(origin, sequence, frame),
    lastSequence: sequence,
    samples: 0,
    bodyBytes: frame.body.length,
  });
}

/** Takes a type 1 or 3 frame of an old client, which has no sequence and is not acknowledged. */
export function takeOldRecord(state: SessionState, frame: Frame): readonly SessionEffect[] {
  const problem = state.grant === null ? null : recordProblem(frame.id, frame.body, null, state.grant);
  if (problem !== null) return [{ type: "forged", message: problem }];
  const bytes = frameHeaderBytes + frame.body.length;
  return [{ type: "append", record: opaqueRecord(null, 0, frame), sequence: 0, samples: 0, bytes }];
}

function opaqueRecord(origin: Origin | null, sequence: number, frame: Frame) {
  const { type: frameType, id, timestampNs } = frame;
  return { kind: "opaque", origin, sequence, frameType, id, timestampNs, body: new Uint8Array(frame.body) } as const;
}

/** The first thing against a target among those that the scrapes are of; looked at once for each in a session. */
function forgedTarget(state: SessionState, origin: Origin, summaries: readonly ScrapeSummary[]): string | null {
  const { grant, judged, context } = state;
  if (grant === null) return null;
  for (const { targetId } of summaries) {
    const target = context.shapes.get(targetId);
    if (target?.kind !== "target") throw new Error(`Target "${targetId}" is known`);
    let problem = judged.get(target);
    if (problem === undefined) {
      problem = targetProblem(target, origin, grant);
      judged.set(target, problem);
    }
    if (problem !== null) return problem;
  }
  return null;
}

interface Refused {
  readonly origin: Origin;
  readonly sequence: number;
  readonly records: number;
  readonly samples: number;
  readonly times: readonly number[];
  readonly problem: string;
  readonly body: Uint8Array;
}

/** A forged record is declared lost in its place, so that it is accounted for and what follows it is taken. */
function refuse(state: SessionState, refused: Refused): readonly SessionEffect[] {
  const { origin, sequence, records, samples, times, problem, body } = refused;
  const lost = {
    firstSequence: sequence,
    lastSequence: sequence,
    records,
    samples,
    oldestMs: Math.min(...times),
    newestMs: Math.max(...times),
    reason: `refused: ${problem.slice(0, refusalTextMax)}`,
  };
  const record = { kind: "lost", origin, lost } as const;
  return [
    { type: "forged", message: lost.reason },
    ...append(state, { record, lastSequence: sequence, samples: 0, bodyBytes: body.length }),
  ];
}

type Append = Extract<SessionEffect, { type: "append" }>;

function append(
  state: SessionState,
  taken: { record: Append["record"]; lastSequence: number; samples: number; bodyBytes: number },
): readonly SessionEffect[] {
  const { record, lastSequence, samples, bodyBytes } = taken;
  state.expected = lastSequence + 1;
  state.rewinding = false;
  state.unknownsInRow = 0;
  // A coded record counts as what it was decoded to, which is what memory and log hold, on the collector's side as well.
  const bytes = frameHeaderBytes + bodyBytes;
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
