/** Prometheus' staleness marker: a NaN that only these bits tell from any other. */
export const stalenessMarkerBits = 0x7ff0_0000_0000_0002n;

/**
 * So many staleness markers. They are written as bits, since a number that passes through arithmetic, or through
 * `new Float64Array([x])`, may come out as another NaN.
 */
export function staleValues(count: number): Float64Array<ArrayBuffer> {
  return new Float64Array(new BigUint64Array(count).fill(stalenessMarkerBits).buffer);
}
