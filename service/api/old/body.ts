import { messageOf } from "../../../core/errors.ts";
import { OldApiError } from "./envelope.ts";

/** Largest body that is read: thousands of metrics. */
export const bodyBytesMax = 4 * 1024 * 1024;

/**
 * The JSON value of a request's body.
 * @throws OldApiError `readBody` when it breaks off or exceeds {@link bodyBytesMax}, `jsonDecode` when it is no JSON.
 */
export async function readJson(request: Request): Promise<unknown> {
  const bytes = await readBody(request);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new OldApiError("jsonDecode", messageOf(error));
  }
}

async function readBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  // What is announced as too long need not be read first.
  if (Number(request.headers.get("content-length") ?? 0) > bodyBytesMax) throw tooLong();
  try {
    for await (const chunk of request.body ?? []) {
      byteCount += chunk.length;
      if (byteCount > bodyBytesMax) throw tooLong();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof OldApiError ? error : new OldApiError("readBody", messageOf(error));
  }
  return joined(chunks, byteCount);
}

function joined(chunks: readonly Uint8Array[], byteCount: number): Uint8Array {
  const whole = new Uint8Array(byteCount);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

function tooLong(): OldApiError {
  return new OldApiError("readBody", `it has more than ${bodyBytesMax} bytes`);
}
