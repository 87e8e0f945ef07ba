/**
 * How uneven the loads may be before targets move: the fullest collector above the mean by this share of it.
 */
export const unevenShare = 0.2;
/** Once targets move, they do until the fullest is above the emptiest by no more than this share of the mean. */
const evenShare = 0.1;

export interface CostAssignment {
  /** For each collector its targets, sorted. Empty without collectors. */
  readonly held: Map<string, string[]>;
  /** The fullest collector's load above the mean, as a share of it, before anything was moved for balance. */
  readonly uneven: number;
  /** Some collector has nothing, and another has targets to spare. */
  readonly hasIdle: boolean;
}

/**
 * Divides targets over collectors by what they cost. A target leaves a collector that is there only when `move` says
 * so; then as few move as it takes, each from the fullest to the emptiest.
 *
 * The same sets, owners and costs give the same result, in whatever order they come.
 *
 * @param targets each once.
 * @param collectors each once; of two with the same load the first counts as the emptier.
 * @param previous owner of each target that had one; owners that are no longer among the collectors are ignored.
 * @param costOf positive, in any unit.
 * @param move decides, from how uneven the loads are when nothing moves, whether something is to.
 */
export function assignByCost(
  targets: readonly string[],
  collectors: readonly string[],
  previous: ReadonlyMap<string, string>,
  costOf: (target: string) => number,
  move: (before: Pick<CostAssignment, "uneven" | "hasIdle">) => boolean,
): CostAssignment {
  const bins = collectors.map((collector): Bin => ({ collector, load: 0, targets: new Map() }));
  const byName = new Map(bins.map((bin) => [bin.collector, bin]));
  const homeless: Item[] = [];
  for (const target of targets.toSorted()) {
    const item = { target, cost: costOf(target) };
    const bin = byName.get(previous.get(target) ?? "");
    if (bin === undefined) homeless.push(item);
    else put(bin, item);
  }
  for (const item of homeless.toSorted((a, b) => b.cost - a.cost)) {
    const bin = emptiest(bins);
    if (bin !== undefined) put(bin, item);
  }
  const before = unevennessOf(bins);
  if (move(before)) level(bins);
  return { ...before, held: new Map(bins.map((bin) => [bin.collector, [...bin.targets.keys()].toSorted()])) };
}

interface Item {
  readonly target: string;
  readonly cost: number;
}

interface Bin {
  readonly collector: string;
  load: number;
  readonly targets: Map<string, number>;
}

function put(bin: Bin, { target, cost }: Item): void {
  bin.load += cost;
  bin.targets.set(target, cost);
}

function emptiest(bins: readonly Bin[]): Bin | undefined {
  return bins.reduce<Bin | undefined>(
    (best, bin) => best === undefined || bin.load < best.load ? bin : best,
    undefined,
  );
}

function fullest(bins: readonly Bin[]): Bin | undefined {
  return bins.reduce<Bin | undefined>(
    (best, bin) => best === undefined || bin.load > best.load ? bin : best,
    undefined,
  );
}

function meanOf(bins: readonly Bin[]): number {
  return bins.reduce((sum, bin) => sum + bin.load, 0) / bins.length;
}

function unevennessOf(bins: readonly Bin[]): Pick<CostAssignment, "uneven" | "hasIdle"> {
  const mean = meanOf(bins);
  const uneven = mean > 0 ? (fullest(bins)?.load ?? 0) / mean - 1 : 0;
  const hasIdle = bins.some((bin) => bin.targets.size === 0) && bins.some((bin) => bin.targets.size > 1);
  return { uneven, hasIdle };
}

/**
 * Moves from the fullest to the emptiest whatever brings the two closest, until they are close or nothing helps. Each
 * move makes the sum of the squared loads smaller, so it comes to an end. Nobody both gives and gets: such moves could
 * not begin together, and the next time does what is left to do.
 */
function level(bins: readonly Bin[]): void {
  const enough = meanOf(bins) * evenShare;
  const [givers, takers] = [new Set<Bin>(), new Set<Bin>()];
  for (;;) {
    const from = fullest(bins.filter((bin) => !takers.has(bin)));
    const to = emptiest(bins.filter((bin) => !givers.has(bin)));
    if (from === undefined || to === undefined) return;
    const gap = from.load - to.load;
    const best = gap > enough ? bestMove(from, gap) : null;
    if (best === null) return;
    from.targets.delete(best.target);
    from.load -= best.cost;
    put(to, best);
    givers.add(from);
    takers.add(to);
  }
}

/** Null when every move would only swap the two's places. */
function bestMove(from: Bin, gap: number): Item | null {
  let best: Item | null = null;
  for (const [target, cost] of from.targets) {
    // A move that leaves the gap all but as it was is not worth a handover.
    if (cost <= gap / 1000 || cost >= gap * 0.999) continue;
    if (best === null || Math.abs(gap / 2 - cost) < Math.abs(gap / 2 - best.cost)) best = { target, cost };
  }
  return best;
}
