import { z } from "zod";
import type { ServerSentEvent } from "./sse_reader.ts";

/** An event of the stream, as docs/streams.md lists them. */
export type Message =
  | { readonly type: "collection"; readonly generation: number; readonly digest: string; readonly text: string }
  | { readonly type: "unchanged"; readonly generation: number; readonly digest: string }
  | { readonly type: "absent" }
  | { readonly type: "unavailable"; readonly reason: string }
  /** The event has a name that we know and content that we do not. */
  | { readonly type: "bad"; readonly reason: string }
  /** An event of a later version. */
  | { readonly type: "unknown" };

const seal = z.object({ generation: z.int().min(1), digest: z.string() });
const collection = z.object({ spec: seal });
const trouble = z.object({ reason: z.string() });

/** Reads an event as far as the subscription needs it; whether the collection is a good one is not its concern. */
export function readMessage({ event, id, data }: ServerSentEvent): Message {
  if (event === "absent") return { type: "absent" };
  if (event !== "collection" && event !== "unchanged" && event !== "unavailable") return { type: "unknown" };
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return { type: "bad", reason: `the data of "${event}" is no JSON` };
  }
  if (event === "unavailable") {
    const read = trouble.safeParse(value);
    return { type: "unavailable", reason: read.success ? read.data.reason : "it gives no reason" };
  }
  const sealed = event === "collection" ? collection.safeParse(value).data?.spec : seal.safeParse(value).data;
  if (sealed === undefined) return { type: "bad", reason: `the data of "${event}" has no generation and digest` };
  const { generation, digest } = sealed;
  if (String(generation) !== id) return { type: "bad", reason: `id ${id} is not generation ${generation}` };
  return event === "collection"
    ? { type: "collection", generation, digest, text: data }
    : { type: "unchanged", generation, digest };
}
