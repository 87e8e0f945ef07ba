/**
 * How a target moves from one living collector to another without a missed or a doubled scrape.
 *
 * The moments at which a target is scraped depend on the target alone. So a move is one moment T in both collections:
 * the old owner has the target until T, the new one from T. What the collections say is all there is to know: a
 * service that starts in the middle goes on from the files.
 *
 * ```
 *       both have confirmed what       collections with T          decide        T     linger
 *       they have: both can learn      are written                   |           |        |
 * ------------+------------------------------+-----------------------+-----------+--------+---->
 *  old owner scrapes .......................................................until|        entry dropped
 *  new owner                                                                     |from.......... scrapes
 * ```
 *
 * 1. Nothing moves before both have confirmed the collections that they have: who cannot learn of T gets no T, and
 *    the target stays where it is.
 * 2. T lies `delayMs` ahead. When by `decideMs` before T one of the two has not confirmed T, the move is called off
 *    while there is time for the other to learn that; the target stays where it was, and step 1 begins anew.
 * 3. The entries stay as they are for a while after T, since a scrape of just before T may still wait or run. Should
 *    the new owner still not have confirmed T long after it, the target goes back.
 *
 * A dead collector needs no T: what it had goes to others at once, and what was on its way to it stays.
 *
 * A service may end after any of the writes. Before both collections say T nothing has moved, and the next leader takes
 * back what is half, before T: see {@link handoverTimingOf}. In one batch of moves nobody both gives and gets, and who
 * gets is written first. So without any next leader a target is in two collections for a while, never in none.
 */
export interface HandoverTiming {
  /** From the writing of T to T: collections out and confirmations back must fit in, with room to call off. */
  readonly delayMs: number;
  /** So long before T it is decided whether the move stands. */
  readonly decideMs: number;
  /** The shortest notice at which a move is called off: later, leaving it alone is the safer choice. */
  readonly callOffMs: number;
  /** How long after T, and after the old owner's last scrape, a confirmation is waited for. */
  readonly patienceMs: number;
}

/** From a leader's end of the lease until the next one has looked at everything. */
const takeoverMs = 2000;

/**
 * A leader may end between the writes of one move, which leaves half of it in the files. T lies so far ahead that the
 * next leader finds the half before T, and takes it back in time.
 *
 * @param leaseMs of the leadership: what it takes at most until another leads.
 */
export function handoverTimingOf(leaseMs: number): HandoverTiming {
  const decideMs = 5000;
  return { delayMs: Math.max(10_000, leaseMs + takeoverMs + decideMs), decideMs, callOffMs: 3000, patienceMs: 15_000 };
}

export const handoverTimingDefault: HandoverTiming = handoverTimingOf(10_000);

/** A move under way. */
export interface Handover {
  readonly from: string;
  readonly to: string;
  /** Unix milliseconds: the first moment of the new owner. */
  readonly atMs: number;
}

/** What one collection says of a target; null means no bound. */
export interface Holding {
  readonly collector: string;
  readonly fromMs: number | null;
  readonly untilMs: number | null;
}

/** Who has a target. */
export interface Custody {
  /** During a handover the one who gets it. */
  readonly owner: string;
  readonly handover: Handover | null;
}

/** What is known of the collectors of a namespace. */
export interface Peers {
  /** Whether the collector may be scraping what its collection says. */
  mayScrape(collector: string): boolean;
  /** Whether it is there and has confirmed its collection as it is stored. */
  hasConfirmed(collector: string): boolean;
  /** Whether it is there and has confirmed the moment of a handover. */
  hasConfirmedMoment(collector: string, atMs: number): boolean;
}

/**
 * Who has the target, by what the collections say of it (at least one) and by what has become of a handover.
 *
 * @param lingerMs how long after T the old owner's last scrape may take to begin and end.
 */
export function custodyOf(
  holdings: readonly Holding[],
  peers: Peers,
  nowMs: number,
  lingerMs: number,
  timing: HandoverTiming,
): Custody {
  const handover = handoverIn(holdings);
  if (handover === null) return { owner: steadyOwner(holdings, nowMs), handover };
  const verdict = judge(handover, peers, nowMs, lingerMs, timing);
  if (verdict === "stands") return { owner: handover.to, handover };
  return { owner: verdict === "done" ? handover.to : handover.from, handover: null };
}

/** The next moment at which the verdict on a handover may be another one, though nothing else changed. */
export function nextLookMs({ atMs }: Handover, nowMs: number, lingerMs: number, timing: HandoverTiming): number {
  const looks = [atMs - timing.decideMs, atMs, atMs + lingerMs, atMs + lingerMs + timing.patienceMs];
  return looks.find((look) => look > nowMs) ?? nowMs;
}

/** Who scrapes the target at a moment. */
export function scraperAt({ owner, handover }: Custody, nowMs: number): string {
  return handover !== null && nowMs < handover.atMs ? handover.from : owner;
}

function handoverIn(holdings: readonly Holding[]): Handover | null {
  if (holdings.length < 2) return null;
  for (const { collector: from, untilMs } of holdings) {
    if (untilMs === null) continue;
    const taker = holdings.find((other) => other.collector !== from && other.fromMs === untilMs);
    if (taker !== undefined) return { from, to: taker.collector, atMs: untilMs };
  }
  return null;
}

/** Half a handover, as a service leaves behind that ends between two files, is none: whoever scrapes now goes on. */
function steadyOwner(holdings: readonly Holding[], nowMs: number): string {
  const rank = ({ fromMs, untilMs }: Holding) => {
    const [from, until] = [fromMs ?? -Infinity, untilMs ?? Infinity];
    return { isActive: from <= nowMs && nowMs < until, from, until };
  };
  const [first] = holdings.map((holding) => ({ ...rank(holding), collector: holding.collector })).toSorted((a, b) =>
    Number(b.isActive) - Number(a.isActive) || compare(b.until, a.until) || compare(a.from, b.from)
    || compare(a.collector, b.collector)
  );
  return first?.collector ?? "";
}

function compare<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function judge(
  { from, to, atMs }: Handover,
  peers: Peers,
  nowMs: number,
  lingerMs: number,
  timing: HandoverTiming,
): "stands" | "done" | "called off" {
  if (!peers.mayScrape(from)) return "done";
  if (!peers.mayScrape(to)) return nowMs < atMs ? "called off" : "done";
  const toKnows = peers.hasConfirmedMoment(to, atMs);
  if (nowMs < atMs) {
    const open = nowMs < atMs - timing.decideMs || nowMs > atMs - timing.callOffMs;
    return open || (toKnows && peers.hasConfirmedMoment(from, atMs)) ? "stands" : "called off";
  }
  if (nowMs < atMs + lingerMs) return "stands";
  if (toKnows) return "done";
  return nowMs < atMs + lingerMs + timing.patienceMs ? "stands" : "called off";
}
