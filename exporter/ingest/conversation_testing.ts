import { type Frame, FrameType } from "../../core/protocol/frame.ts";
import type { PeerIdentity } from "../../core/runtime/env.ts";
import { type Access, openAccess } from "../access/access.ts";
import { step } from "./session.ts";
import { openSession, type SessionEffect, type SessionEvent, type SessionState } from "./session_state.ts";
import { FakeShapeTable, frame, helloFrame, shapeFrames } from "./session_testing.ts";

const typeNames = new Map(Object.entries(FrameType).map(([name, type]) => [type as number, name]));

/** Drives one connection, with a log that numbers records 1, 2, 3, … and tells what the machine wants done. */
export class Conversation {
  readonly shapes = new FakeShapeTable();
  readonly sent: Frame[] = [];
  readonly appended: Extract<SessionEffect, { type: "append" }>[] = [];
  nowMs = 1000;
  resumePoint = 0;
  windowBytes = 1000;
  baseBytes = 0;
  /** What the log had taken, and made durable, before HELLO. */
  barrierIndex = 0;
  durableIndex = 0;
  #index = 0;
  readonly state: SessionState;

  constructor(access: Access = openAccess, peer: PeerIdentity | null = null) {
    const { shapes, nowMs } = this;
    const resumePoint = () => this.resumePoint;
    this.state = openSession({ exporter: "exporter-0", access, shapes, resumePoint }, nowMs, peer);
  }

  /** One line for each effect, such as `send ack 3`, `append scrapes 1`, `skip duplicate`, `close silent`. */
  step(event: SessionEvent): string[] {
    const lines: string[] = [];
    for (const effect of step(this.state, event, this.nowMs)) lines.push(...this.#perform(effect));
    return lines;
  }

  say(...frames: readonly Frame[]): string[] {
    return frames.flatMap((one) => [...this.step({ type: "received" }), ...this.step({ type: "frame", frame: one })]);
  }

  durable(index: number): string[] {
    return this.step({ type: "durable", index });
  }

  tickAfter(ms: number): string[] {
    this.nowMs += ms;
    return this.step({ type: "tick" });
  }

  #perform(effect: SessionEffect): string[] {
    switch (effect.type) {
      case "send":
        this.sent.push(frame(effect.frameType, effect.id, effect.body));
        return [`send ${typeNames.get(effect.frameType)} ${effect.id}`];
      case "register": {
        const { barrierIndex, durableIndex, baseBytes } = this;
        this.step({ type: "window", bytes: this.windowBytes });
        return ["register", ...this.step({ type: "registered", barrierIndex, durableIndex, baseBytes })];
      }
      case "append": {
        this.appended.push(effect);
        const { sequence, bytes } = effect;
        if (sequence > 0) this.step({ type: "appended", index: ++this.#index, sequence, bytes });
        return [`append ${effect.record.kind} ${sequence}`];
      }
      case "welcomed":
        return [`expect ${effect.expected}`];
      case "skip":
        return [`skip ${effect.why}`];
      case "forged":
        return [`forged ${effect.message}`];
      case "close":
        return [`close ${effect.reason} ${effect.errorCode ?? "silently"}`];
    }
    return [];
  }
}

/** A conversation after WELCOME and the shapes of `scrapesFrame`. */
export function opened(setUp: (conversation: Conversation) => void = () => {}): Conversation {
  const conversation = new Conversation();
  setUp(conversation);
  conversation.say(helloFrame(), ...shapeFrames);
  return conversation;
}
