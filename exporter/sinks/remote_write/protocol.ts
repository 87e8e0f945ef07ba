import type { Answer } from "../http/mod.ts";
import { type EncoderOptions, RequestEncoder, type WriteEncoder } from "./encoder.ts";
import { RequestEncoder2 } from "./encoder_2.ts";
import { outcomeOf1, outcomeOf2, type WriteOutcome } from "./outcome.ts";
import { programFormat1 } from "./program_1.ts";
import { ProgramFormat2 } from "./program_2.ts";
import { ProgramEncoder } from "./program_encoder.ts";

/** One version of remote write. */
export interface WriteProtocol {
  readonly version: "1.0" | "2.0";
  /** None of them can be set by an option. */
  readonly headers: Readonly<Record<string, string>>;
  makeEncoder(options: EncoderOptions): WriteEncoder;
  outcomeOf(answer: Answer, samples: number, wallMs: number): WriteOutcome;
}

export const protocol1: WriteProtocol = {
  version: "1.0",
  headers: {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
    "user-agent": "bcs-metric",
  },
  makeEncoder(options) {
    const half = shareOf(options, 1 / 2);
    return new ProgramEncoder(half, () => programFormat1, new RequestEncoder(half));
  },
  outcomeOf: outcomeOf1,
};

export const protocol2: WriteProtocol = {
  version: "2.0",
  headers: {
    ...protocol1.headers,
    "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "x-prometheus-remote-write-version": "2.0.0",
  },
  makeEncoder(options) {
    const [half, quarter] = [shareOf(options, 1 / 2), shareOf(options, 1 / 4)];
    const makeFormat = () => new ProgramFormat2(quarter.cacheBytesMax);
    return new ProgramEncoder(quarter, makeFormat, new RequestEncoder2(half));
  },
  outcomeOf: outcomeOf2,
};

/** A share of the cache's bytes: a half is for programs, with their strings, a half for what the plain encoder needs. */
function shareOf(options: EncoderOptions, share: number): EncoderOptions {
  return { ...options, cacheBytesMax: options.cacheBytesMax * share };
}
