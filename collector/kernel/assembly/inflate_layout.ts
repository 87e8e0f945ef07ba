// The same offsets in the work block as in ../inflate_layout.ts, which draws the layout.
export const atOffset: usize = 0;
export const bitsOffset: usize = 4;
export const bufferOffset: usize = 8;
export const outOffset: usize = 16;
export const endOffset: usize = 20;
export const outEndOffset: usize = 24;
export const outStartOffset: usize = 28;

export const orderOffset: usize = 64;
export const literalEntriesOffset: usize = 96;
export const distanceEntriesOffset: usize = 1248;
export const lengthEntriesOffset: usize = 1376;
export const lengthsOffset: usize = 1504;
export const countsOffset: usize = 1840;
export const startsOffset: usize = 1872;
export const sortedOffset: usize = 1904;
export const lengthTableOffset: usize = 2496;
export const literalTableOffset: usize = 3008;
export const distanceTableOffset: usize = 12_608;
export const fixedLiteralTableOffset: usize = 14_400;
export const fixedDistanceTableOffset: usize = 22_592;

export const literalEntryCount: u32 = 2400;
export const distanceEntryCount: u32 = 448;
export const lengthEntryCount: u32 = 128;

export const literalRootBits: u32 = 11;
export const distanceRootBits: u32 = 8;
export const lengthRootBits: u32 = 7;

export const isLiteral: u32 = 0x8000_0000;
export const isException: u32 = 0x8000;
export const isSubtable: u32 = 0x4000;
export const isEnd: u32 = 0x2000;
