/**
 * The bounds of the ingest, with what happens at each. docs/protocol.md tells peers about those that they can
 * meet. How much may wait for the disk is the log's to say (`Wal.accepting`): while it is too much, nothing is read.
 */

const MiB = 1024 * 1024;

/** Connections at once. A further one is answered with ERROR overloaded. */
export const connectionsMaxDefault = 10_000;

/** Bytes that a collector may have sent without an acknowledgement: what a reconnect sends again at most. */
export const windowBytesMax = 8 * MiB;

/** Bytes that all collectors together may have sent without an acknowledgement; each gets a share as its window. */
export const ingestBytesDefault = 64 * MiB;

/** What the bases of coded scrapes may take, over all sessions and for one; without room they are coded without. */
export const baseBytesDefault = 256 * MiB;
export const sessionBaseBytesMax = 32 * MiB;

/** Body of a connection's first frame where everybody has to say who they are: room for a HELLO. */
export const helloBytesMax = 64 * 1024;

/** How long somebody who has to say who they are may take for it. */
export const helloMaxMs = 30_000;

/** Bytes of incomplete frames, over all connections. The connection whose bytes exceed it is closed, overloaded. */
export const heldBytesMax = 512 * MiB;

/** Shapes, and their bytes, that one connection has sent and no record refers to yet. Above: a protocol error. */
export const unusedShapesMax = 100_000;
export const unusedShapeBytesMax = 64 * MiB;

/** UNKNOWN frames for one and the same sequence. The next would be a protocol error: the peer cannot mend it. */
export const unknownsInRowMax = 4;

/** Shapes that one UNKNOWN names, so that it fits a frame; the rest are asked for when the record comes again. */
export const unknownIdsMax = 65_536;

/** Without having sent anything for so long, a heartbeat is sent. */
export const heartbeatAfterMs = 10_000;

/** Without having received anything for so long, a session, and any other connection, is closed. */
export const sessionSilenceMaxMs = 60_000;
export const otherSilenceMaxMs = 300_000;

/** A connection whose peer takes nothing of what is sent to it is closed after so long. */
export const blockedMaxMs = 60_000;

/** How long a connection that got an ERROR may take to go by itself. */
export const closingMaxMs = 5_000;
