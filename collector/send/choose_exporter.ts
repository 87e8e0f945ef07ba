import type { Random } from "../../core/runtime/env.ts";
import type { ExporterAddress } from "./addresses.ts";

/**
 * Picks the exporter to connect to by power of two choices: of two random ones the less loaded, which spreads
 * collectors nearly as well as the least loaded of all would, without all of them running to the same one.
 * Returns null when every address is to be avoided, or there is none.
 */
export function chooseExporter(
  addresses: readonly ExporterAddress[],
  avoided: ReadonlySet<string>,
  random: Pick<Random, "float">,
): ExporterAddress | null {
  const candidates = addresses.filter(({ address }) => !avoided.has(address));
  if (candidates.length < 2) return candidates[0] ?? null;
  const first = Math.floor(random.float() * candidates.length);
  const step = 1 + Math.floor(random.float() * (candidates.length - 1));
  const [one, other] = [candidates[first], candidates[(first + step) % candidates.length]];
  if (one === undefined || other === undefined) throw new RangeError("Cannot choose exporter: chance is not in [0, 1)");
  return other.load < one.load ? other : one;
}
