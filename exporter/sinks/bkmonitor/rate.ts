/** The requests that one dataid may still make. Times are monotonic milliseconds. */
export interface TokenBucket {
  tokens: number;
  atMs: number;
}

/** The platform counts by the minute, and tells nobody where its minutes begin: this holds for any 60 s. */
export interface RateLimit {
  /** Requests that may go at once. */
  readonly burst: number;
  readonly perMs: number;
}

/** A tenth of a minute's requests may go at once, and the rest evenly: together never more in any 60 s. */
export function rateLimit(requestsPerMinute: number): RateLimit {
  const burst = Math.max(1, Math.floor(requestsPerMinute / 10));
  return { burst, perMs: (requestsPerMinute - burst) / 60_000 };
}

export function newBucket(limit: RateLimit, nowMs: number): TokenBucket {
  return { tokens: limit.burst, atMs: nowMs };
}

/** Takes a token, or tells in how many milliseconds there will be one: 0 means that it was taken. */
export function takeToken(bucket: TokenBucket, limit: RateLimit, nowMs: number): number {
  bucket.tokens = Math.min(limit.burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * limit.perMs);
  bucket.atMs = nowMs;
  if (bucket.tokens >= 1) {
    bucket.tokens--;
    return 0;
  }
  return Math.ceil((1 - bucket.tokens) / limit.perMs);
}
