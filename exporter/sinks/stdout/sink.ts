import { z } from "zod";
import { errorCode, messageOf } from "../../../core/errors.ts";
import { type ByteOutput, standardOutput } from "../../../core/runtime/stdout.ts";
import type { Batch, DeliveryOutcome, Sink } from "../../sink.ts";
import { encodedLines, JsonLines } from "../json_lines.ts";
import type { SinkType } from "../sink_types.ts";

export interface StdoutSinkOptions {
  readonly name: string;
  readonly output: ByteOutput;
}

const stdoutSchema = z.strictObject({ name: z.string(), type: z.literal("stdout") });

export const stdoutType: SinkType<z.output<typeof stdoutSchema>> = {
  schema: stdoutSchema,
  place: () => "standard output",
  create: ({ name }) => createStdoutSink({ name, output: standardOutput() }),
};

/** A pipe whose reader has gone never gets another one: only a restart of the exporter mends it. */
const brokenPauseMs = 60_000;

/**
 * Writes samples and opaque records as JSON lines (json_lines.ts) to standard output. A batch is delivered when the
 * pipe, file or terminal behind it has taken all of it; a slow reader makes this sink wait, and no other.
 */
export function createStdoutSink({ name, output }: StdoutSinkOptions): Sink {
  const lines = new JsonLines();
  return {
    name,
    type: "stdout",
    async deliver(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
      const abort = Promise.withResolvers<"aborted">();
      const onAbort = () => abort.resolve("aborted");
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        for (const piece of encodedLines(lines, batch)) {
          if (signal.aborted || await Promise.race([output.write(piece), abort.promise]) === "aborted") {
            return { outcome: "retry", reason: "stopped" };
          }
        }
      } catch (error) {
        return failureOutcome(error);
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
      if (signal.aborted) return { outcome: "retry", reason: "stopped" };
      return { outcome: "delivered", samples: batch.sampleCount, records: batch.scrapes.length + batch.opaque.length };
    },
    close: () => Promise.resolve(),
  };
}

function failureOutcome(error: unknown): DeliveryOutcome {
  const code = errorCode(error);
  const isGone = code === "EPIPE" || error instanceof Error && error.name === "BrokenPipe";
  // Anything without a code is no failure of the output, but a defect of ours.
  if (!isGone && code === "") throw error;
  const why = isGone
    ? "nobody reads it any more (EPIPE); what is not written yet is kept: start the exporter again with a reader"
    : messageOf(error);
  return { outcome: "retry", reason: `Cannot write to standard output: ${why}`, afterMs: brokenPauseMs };
}
