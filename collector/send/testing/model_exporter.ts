import { type Frame, frameHeaderBytes, FrameType } from "../../../core/protocol/frame.ts";
import { ScrapeDecoder } from "../../../core/protocol/scrape_decoder.ts";
import { decodeScrapes } from "../../../core/protocol/scrapes.ts";
import {
  decodeHello,
  decodeLost,
  encodeCredit,
  encodeSessionError,
  encodeUnknown,
  encodeWelcome,
  type Hello,
} from "../../../core/protocol/session.ts";
import { type ContentId, decodeShape, type Shape } from "../../../core/protocol/shape.ts";
import { recordTimeMs } from "./records.ts";

/** One place of an exporter's log. */
export type Logged =
  & { readonly epoch: bigint }
  & (
    | { readonly kind: "data"; readonly sequence: number; readonly timestampMs: number }
    | { readonly kind: "lost"; readonly first: number; readonly last: number; readonly records: number }
  );

interface ModelSession {
  readonly send: (type: number, id: number, body?: Uint8Array) => void;
  readonly hello: Hello;
  /** Null when no CODED frames were granted. */
  readonly decoder: ScrapeDecoder | null;
  expected: number;
  rewinding: boolean;
  /** Shapes were forgotten since the last UNKNOWN, so that another one may follow for the same sequence. */
  forgotSince: boolean;
  acknowledged: number;
  /** The largest window announced on this connection: a smaller one takes nothing back. */
  windowBytesMax: number;
  /** Bytes of the sequenced frames that were taken and not acknowledged, each. */
  readonly unacknowledged: { last: number; bytes: number }[];
}

/** The collector broke a rule of docs/protocol.md. */
export class ModelProtocolError extends Error {
  override name = "ModelProtocolError";
}

/**
 * The exporter's end of docs/protocol.md for one collector, written from that document alone and as strict as it
 * allows: whatever the collector must not do throws.
 */
export class ModelExporter {
  readonly durable: Logged[] = [];
  readonly name: string;
  windowBytes: number;
  /** The code of ERROR with which every HELLO is answered; 0 to welcome. */
  refusal = 0;
  /** How many times shapes were missing. */
  unknowns = 0;
  /** Records that came in CODED frames. */
  coded = 0;
  /** What WELCOME grants for bases. */
  readonly baseBytes: number;
  #taken: Logged[] = [];
  #shapes = new Map<ContentId, Shape>();
  #session: ModelSession | null = null;

  constructor(name: string, windowBytes: number, baseBytes = 0) {
    this.name = name;
    this.baseBytes = baseBytes;
    this.windowBytes = windowBytes;
  }

  get inSession(): boolean {
    return this.#session !== null;
  }

  /** Takes one frame of the connection that `send` answers. */
  receive(frame: Frame, send: ModelSession["send"]): void {
    if (frame.type === FrameType.hello) this.#welcome(decodeHello(frame.body), send);
    else if (frame.type === FrameType.heartbeat) send(FrameType.heartbeat, 0);
    else this.#receiveInSession(frame);
  }

  /** Makes durable what was taken, and acknowledges it when `acknowledge` is set. */
  fsync(acknowledge: boolean): void {
    this.durable.push(...this.#taken);
    this.#taken = [];
    const session = this.#session;
    if (!acknowledge || session === null) return;
    const last = this.#lastDurable(session.hello.epoch);
    if (last <= session.acknowledged) return;
    session.acknowledged = last;
    while ((session.unacknowledged[0]?.last ?? Infinity) <= last) session.unacknowledged.shift();
    session.send(FrameType.ack, last);
  }

  heartbeat(): void {
    this.#session?.send(FrameType.heartbeat, 0);
  }

  changeWindow(windowBytes: number): void {
    this.windowBytes = windowBytes;
    if (this.#session === null) return;
    this.#session.windowBytesMax = Math.max(this.#session.windowBytesMax, windowBytes);
    this.#session.send(FrameType.credit, 0, encodeCredit(windowBytes));
  }

  forgetShapes(isForgotten: () => boolean): void {
    for (const id of this.#shapes.keys()) if (isForgotten()) this.#shapes.delete(id);
    if (this.#session !== null) this.#session.forgotSince = true;
  }

  disconnect(): void {
    this.#session = null;
  }

  /** Ends the session with ERROR. */
  refuse(code: number): void {
    this.#session?.send(FrameType.error, 0, encodeSessionError({ code, message: "refused" }));
    this.#session = null;
  }

  /** kill -9: what was not fsynced is gone. */
  restart(): void {
    this.#session = null;
    this.#taken = [];
  }

  #welcome(hello: Hello, send: ModelSession["send"]): void {
    if (this.refusal !== 0) {
      send(FrameType.error, 0, encodeSessionError({ code: this.refusal, message: "refused" }));
      return;
    }
    if (this.#session !== null && hello.epoch < this.#session.hello.epoch) {
      throw new ModelProtocolError(`epoch ${hello.epoch} while ${this.#session.hello.epoch} is connected`);
    }
    this.fsync(false);
    const last = this.#lastDurable(hello.epoch);
    const expected = Math.max(hello.nextSequence, last + 1);
    const windowBytesMax = this.windowBytes;
    this.#session = {
      send,
      hello,
      decoder: hello.wantsCoding === true && this.baseBytes > 0 ? new ScrapeDecoder(this.baseBytes) : null,
      expected,
      rewinding: false,
      forgotSince: false,
      acknowledged: last,
      windowBytesMax,
      unacknowledged: [],
    };
    const { windowBytes, name: exporter, baseBytes } = this;
    send(FrameType.welcome, last, encodeWelcome({ windowBytes, exporter, baseBytes }));
  }

  #receiveInSession(frame: Frame): void {
    const session = this.#session;
    // After its last frame (ERROR) the exporter ignores what still comes.
    if (session === null) return;
    switch (frame.type) {
      case FrameType.schema:
      case FrameType.target: {
        const shape = decodeShape(frame.body);
        this.#shapes.set(shape.id, shape);
        return;
      }
      case FrameType.scrapes:
        this.#takeScrapes(session, frame);
        return;
      case FrameType.coded:
        this.#takeCoded(session, frame);
        return;
      case FrameType.lost:
        this.#takeLost(session, frame);
        return;
      case FrameType.blueKing:
      case FrameType.record:
        if (session.rewinding) return;
        this.#take(session, frame, {
          kind: "data",
          epoch: session.hello.epoch,
          sequence: session.expected,
          timestampMs: recordTimeMs(frame.body),
        });
        return;
      default:
        throw new ModelProtocolError(`frame type ${frame.type}`);
    }
  }

  #takeCoded(session: ModelSession, frame: Frame): void {
    if (session.decoder === null) throw new ModelProtocolError("a CODED frame, and no bases were granted");
    for (const [index, { body }] of session.decoder.decode(frame.body).entries()) {
      this.coded++;
      this.#takeScrapes(session, { ...frame, id: frame.id + BigInt(index), body });
    }
  }

  #takeScrapes(session: ModelSession, frame: Frame): void {
    const sequence = Number(frame.id);
    if (session.rewinding && sequence !== session.expected) return;
    if (sequence !== session.expected) throw new ModelProtocolError(`gap: ${sequence}, not ${session.expected}`);
    const missing = this.#missingShapes(frame.body);
    if (missing.length > 0 && session.rewinding && !session.forgotSince) {
      throw new ModelProtocolError(`sequence ${sequence} came again without ${missing.join()}`);
    }
    session.rewinding = missing.length > 0;
    if (missing.length > 0) {
      session.forgotSince = false;
      this.unknowns++;
      session.send(FrameType.unknown, sequence, encodeUnknown(missing));
      return;
    }
    const scrape = decodeScrapes(frame.body)[0];
    const timestampMs = recordTimeMs(frame.body, scrape?.timestampMs);
    if (scrape?.values.some((value) => value !== timestampMs) === true) {
      throw new ModelProtocolError(`sequence ${sequence} has values that it was not pushed with`);
    }
    this.#take(session, frame, { kind: "data", epoch: session.hello.epoch, sequence, timestampMs });
  }

  #takeLost(session: ModelSession, frame: Frame): void {
    const lost = decodeLost(Number(frame.id), frame.body);
    if (session.rewinding && lost.firstSequence !== session.expected) return;
    if (lost.firstSequence !== session.expected || lost.lastSequence < lost.firstSequence) {
      throw new ModelProtocolError(`LOST ${lost.firstSequence}..${lost.lastSequence}, not ${session.expected}`);
    }
    session.rewinding = false;
    const { firstSequence: first, lastSequence: last, records } = lost;
    this.#take(session, frame, { kind: "lost", epoch: session.hello.epoch, first, last, records });
  }

  #take(session: ModelSession, frame: Frame, logged: Logged): void {
    const last = logged.kind === "data" ? logged.sequence : logged.last;
    session.expected = last + 1;
    this.#taken.push(logged);
    const bytes = frameHeaderBytes + frame.body.length;
    const unacknowledged = session.unacknowledged.reduce((sum, one) => sum + one.bytes, bytes);
    if (session.unacknowledged.length > 0 && unacknowledged > session.windowBytesMax) {
      throw new ModelProtocolError(`${unacknowledged} bytes in flight, the window is ${session.windowBytesMax}`);
    }
    session.unacknowledged.push({ last, bytes });
  }

  #missingShapes(body: Uint8Array): ContentId[] {
    const missing = new Set<ContentId>();
    for (const { targetId, layoutId } of decodeScrapes(body)) {
      if (!this.#shapes.has(targetId)) missing.add(targetId);
      const layout = this.#shapes.get(layoutId);
      if (layout?.kind !== "layout") missing.add(layoutId);
      else for (const block of layout.blocks) if (!this.#shapes.has(block)) missing.add(block);
    }
    return [...missing];
  }

  #lastDurable(epoch: bigint): number {
    const last = this.durable.findLast((logged) => logged.epoch === epoch);
    return last === undefined ? 0 : last.kind === "data" ? last.sequence : last.last;
  }
}
