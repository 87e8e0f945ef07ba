import { Buffer } from "node:buffer";
import { z } from "zod";

/**
 * The messages of etcd's v3 JSON gateway, as far as we read them. 64-bit numbers are texts in it, bytes are base64,
 * and what has its default value (0, false, empty, PUT) is left out.
 */

/** The id of the lease of a key that belongs to none. */
export const noLease = "0";

const revision = z.coerce.number().int().min(0).default(0);

const header = z.object({ cluster_id: z.string().default("0"), revision });

const keyValue = z.object({
  key: z.string(),
  value: z.string().default(""),
  mod_revision: revision,
  lease: z.string().default(noLease),
});

export const rangeAnswer = z.object({
  header,
  kvs: z.array(keyValue).default([]),
  more: z.boolean().default(false),
});

export const txnAnswer = z.object({ header, succeeded: z.boolean().default(false) });

export const leaseAnswer = z.object({ header, ID: z.string() });

/** A lease that is over has no time to live. */
export const keepAliveAnswer = z.object({ result: z.object({ header, TTL: z.coerce.number().default(0) }) })
  .transform(({ result }) => result);

export const revokeAnswer = z.object({ header });

const watchResult = z.object({
  header,
  created: z.boolean().default(false),
  canceled: z.boolean().default(false),
  cancel_reason: z.string().default(""),
  compact_revision: revision,
  fragment: z.boolean().default(false),
  events: z.array(z.object({ type: z.enum(["PUT", "DELETE"]).default("PUT"), kv: keyValue })).default([]),
});

/** One line of a watch stream. */
export const watchLine = z.union([
  z.object({ result: watchResult }),
  z.object({ error: z.union([z.string(), z.object({ message: z.string() })]) }),
]);

/** The body of an answer that is no success. */
export const refusal = z.object({ message: z.string(), code: z.int() });

export type EtcdHeader = z.output<typeof header>;
export type EtcdKeyValue = z.output<typeof keyValue>;
export type WatchResult = z.output<typeof watchResult>;

/** gRPC's codes, where we tell them apart. */
export const grpcCode = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  outOfRange: 11,
  unavailable: 14,
} as const;

export function toBase64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

/** The bytes of a key or value as text; null when they are no UTF-8. */
export function fromBase64(base64: string): string | null {
  try {
    return decoder.decode(Buffer.from(base64, "base64"));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** How many bytes a base64 text stands for. */
export function base64Bytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return base64.length / 4 * 3 - padding;
}

/** The key (base64) that ends the range of all keys that begin with `prefix`, which must not be empty. */
export function rangeEnd(prefix: string): string {
  const bytes = Buffer.from(prefix, "utf8");
  // UTF-8 has no byte 0xff, so that the last one can always be raised.
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) + 1, bytes.length - 1);
  return bytes.toString("base64");
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
