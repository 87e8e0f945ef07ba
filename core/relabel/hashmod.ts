import { createHash } from "node:crypto";

/** Prometheus' `hashmod`: the last 8 bytes of the MD5 of the text, as a big-endian number, modulo `modulus`. */
export function hashMod(text: string, modulus: bigint): bigint {
  return createHash("md5").update(text).digest().readBigUInt64BE(8) % modulus;
}
