/** Files that are looked at side by side: enough to hide the delay of a network disk, few enough for any machine. */
const groupSize = 32;

/** Applies `work` to the items, at most 32 at a time, and hands each result to `use` in the order of the items. */
export async function inGroups<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  use: (result: Result, item: Item) => void,
): Promise<void> {
  for (let from = 0; from < items.length; from += groupSize) {
    const group = items.slice(from, from + groupSize);
    const results = await Promise.all(group.map(async (item) => ({ item, result: await work(item) })));
    for (const { item, result } of results) use(result, item);
  }
}
