/**
 * The frame of the BlueKing GSE data pipe: 24 bytes, all u32 big-endian, then the record's JSON.
 *
 * | offset | size | field                             |
 * | ------ | ---- | --------------------------------- |
 * | 0      | 4    | magic `0xDEADBEEF`                |
 * | 4      | 4    | type 10000                        |
 * | 8      | 4    | length of the body in bytes       |
 * | 12     | 4    | dataid                            |
 * | 16     | 4    | Unix seconds when it was sent     |
 * | 20     | 4    | reserved, 0                       |
 *
 * The pipe answers nothing.
 */

export const gseHeaderBytes = 24;
export const gseMagic = 0xdead_beef;
export const gseType = 10_000;
const u32Max = 0xffff_ffff;

/** Whether a dataid fits the header: 1 to 2^32 - 1. 0 stands for none. */
export function isGseDataId(dataId: number): boolean {
  return Number.isInteger(dataId) && dataId > 0 && dataId <= u32Max;
}

/** Header and body in one. `dataId` is one of {@link isGseDataId}. */
export function encodeGseFrame(dataId: number, body: Uint8Array, wallMs: number): Uint8Array {
  const frame = new Uint8Array(gseHeaderBytes + body.length);
  const header = new DataView(frame.buffer, 0, gseHeaderBytes);
  header.setUint32(0, gseMagic);
  header.setUint32(4, gseType);
  header.setUint32(8, body.length);
  header.setUint32(12, dataId);
  header.setUint32(16, Math.floor(wallMs / 1000) % (u32Max + 1));
  header.setUint32(20, 0);
  frame.set(body, gseHeaderBytes);
  return frame;
}
