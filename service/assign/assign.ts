/**
 * Divides targets over collectors.
 *
 * - Balanced: the counts of any two collectors differ by at most one.
 * - Minimal movement: a target leaves its collector only because that one is gone or holds more than its share. So
 *   growing from n to n+1 collectors moves at most ceil(targets / (n+1)), and a collector's loss moves only its own.
 * - Deterministic: the same sets and the same previous owners give the same result, in whatever order they come.
 *
 * @param targets each once.
 * @param collectors each once; their order decides who gets the odd target.
 * @param previous owner of each target that had one; owners that are no longer among the collectors are ignored.
 * @returns for each collector its targets, sorted. Empty without collectors.
 */
export function assign(
  targets: readonly string[],
  collectors: readonly string[],
  previous: ReadonlyMap<string, string>,
): Map<string, string[]> {
  const held = new Map(collectors.map((collector) => [collector, [] as string[]]));
  if (held.size === 0) return held;
  const homeless: string[] = [];
  for (const target of inOrder(targets)) {
    (held.get(previous.get(target) ?? "") ?? homeless).push(target);
  }
  const shares = sharesOf(held, targets.length);
  for (const [collector, own] of held) {
    const excess = own.length - (shares.get(collector) ?? 0);
    if (excess > 0) held.set(collector, shed(own, excess, homeless));
  }
  deal(homeless, held, shares);
  for (const [collector, own] of held) held.set(collector, inOrder(own));
  return held;
}

/** The texts sorted. They mostly are already, which is found out several times faster than by sorting them anew. */
function inOrder(texts: readonly string[]): string[] {
  for (let index = 1; index < texts.length; index++) {
    if ((texts[index - 1] ?? "") > (texts[index] ?? "")) return texts.toSorted();
  }
  return [...texts];
}

/** Who holds most already gets the odd targets, so that nobody sheds one for another's sake. */
function sharesOf(held: ReadonlyMap<string, readonly string[]>, targetCount: number): Map<string, number> {
  const share = Math.floor(targetCount / held.size);
  const odd = targetCount % held.size;
  const fullestFirst = [...held].toSorted(([, a], [, b]) => b.length - a.length);
  return new Map(fullestFirst.map(([collector], index) => [collector, index < odd ? share + 1 : share]));
}

/**
 * Moves `count` of the targets, evenly spaced, to `homeless`, and returns the others. Neighbours mostly belong to one
 * metric: taking every k-th keeps each metric spread over all collectors.
 */
function shed(own: readonly string[], count: number, homeless: string[]): string[] {
  return own.filter((target, index) => {
    const leaves = Math.floor((index + 1) * count / own.length) > Math.floor(index * count / own.length);
    if (leaves) homeless.push(target);
    return !leaves;
  });
}

function deal(homeless: readonly string[], held: Map<string, string[]>, shares: ReadonlyMap<string, number>): void {
  let open = [...held].map(([collector, own]) => ({ own, share: shares.get(collector) ?? 0 }));
  let next = 0;
  const hand = inOrder(homeless);
  while (next < hand.length) {
    open = open.filter(({ own, share }) => own.length < share);
    for (const { own } of open) {
      const target = hand[next];
      if (target === undefined) break;
      own.push(target);
      next += 1;
    }
  }
}
