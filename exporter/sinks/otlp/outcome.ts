import { ByteReader, MalformedError } from "../../../core/protocol/bytes.ts";
import { type Answer, oneLine, outcomeOf, type RequestOutcome } from "../http/mod.ts";

export type OtlpOutcome =
  | Exclude<RequestOutcome, { readonly outcome: "delivered" }>
  | { readonly outcome: "delivered"; readonly rejectedPoints: number; readonly rejectedReason: string };

const transient = new Set([502, 503, 504]);

/**
 * What became of a request, by the specification of OTLP/HTTP: 429, 502, 503 and 504 are tried again, any other error
 * is final; a partial success is never tried again, but counted.
 */
export function otlpOutcome(answer: Answer, wallMs: number): OtlpOutcome {
  const outcome = outcomeOf(answer, wallMs, (status) => transient.has(status));
  if (outcome.outcome !== "delivered") return outcome;
  return { outcome: "delivered", ...partialSuccess(answer.body) };
}

/** ExportMetricsServiceResponse.partial_success = 1: rejected_data_points = 1, error_message = 2. */
function partialSuccess(body: Uint8Array): { rejectedPoints: number; rejectedReason: string } {
  let [rejectedPoints, rejectedReason] = [0, ""];
  eachField(body, (number, bytes) => {
    if (number !== 1 || bytes === null) return;
    eachField(bytes, (inner, text, value) => {
      if (inner === 1) rejectedPoints = value;
      if (inner === 2 && text !== null) rejectedReason = oneLine(new TextDecoder().decode(text));
    });
  });
  return { rejectedPoints, rejectedReason };
}

/** An answer of another form, such as "OK" or JSON, tells of no rejection. */
function eachField(body: Uint8Array, field: (number: number, bytes: Uint8Array | null, value: number) => void): void {
  const reader = new ByteReader(body);
  try {
    while (reader.remaining > 0) {
      const key = reader.varint();
      if (key % 8 === 0) field(Math.floor(key / 8), null, reader.varint());
      else if (key % 8 === 2) field(Math.floor(key / 8), reader.raw(reader.varint()), 0);
      else return;
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
}
