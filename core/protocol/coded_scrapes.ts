/**
 * CODED body: one or more records of type SCRAPES with consecutive sequence numbers, the first of which is the
 * frame's id, to the end of the body. Coding belongs to the session: both ends keep *bases*, the last values of a
 * target's series, in numbered slots, and change them with every CODED frame in the order of transmission, whatever
 * becomes of its records. What a record is decoded to is, byte for byte, the SCRAPES body that was coded.
 *
 * A record is a varint number of scrapes, then for each:
 *
 * | size | field     | encoding                                                                                |
 * | ---- | --------- | --------------------------------------------------------------------------------------- |
 * | 1    | mode      | bits 0-1: 0 goes on, 1 is kept, 2 is not kept; bit 4: sample times follow; bit 5: slots |
 * |      |           | are dropped; others 0                                                                   |
 * |      | dropped   | with bit 5: varint number, then varint each: slots whose bases are forgotten first      |
 * |      | slot      | varint; not in mode 2                                                                   |
 * |      | timestamp | mode 0: signed varint, milliseconds from what is expected (see below)                   |
 * | 40   | head      | modes 1 and 2: target, layout and timestamp as in scrapes.ts                            |
 * |      | count     | modes 1 and 2: varint, number of samples                                                |
 * |      | moves     | mode 1: varint number, then for each varint from, to, count: values of the base that    |
 * |      |           | was in the slot which go on in the new one; ascending there, without overlap            |
 * |      | times     | with bit 4: varint bytes, then the sample times as in scrapes.ts                        |
 * | 4    | checksum  | u32 of the base, after the values                                                       |
 * |      | values    | see coded_values.ts                                                                     |
 *
 * Mode 0 has target, layout and number of samples of its slot; its expected time is the last one and the distance of
 * the last two, which is 0 after mode 1. Mode 1 fills a slot; without moves from what was there it begins anew, but for
 * the checksum. Mode 2 is coded against zeros.
 *
 * A base counts with 256 bytes and 9 for each sample against what the exporter's WELCOME grants; the collector decides
 * what it keeps within that. All records of a frame together come from bodies of at most 16 MiB.
 */

export const codedMode = { goesOn: 0, kept: 1, transient: 2 } as const;

export const droppedFlag = 0x20;

/** Records of one frame. */
export const codedRecordsMax = 4096;

/** Mode, slot, timestamp and checksum. */
export const codedScrapeBytesMin = 7;

/** A timestamp further from 1970 is not predicted from. */
export const predictedMsMax: number = 2 ** 50;
