import type { Random } from "../../core/runtime/env.ts";
import type { SubscriptionState } from "./state.ts";

type Services = Pick<SubscriptionState, "seeds" | "known" | "avoided">;

/**
 * One of the services at random, so that collectors spread over them: of those that are registered, else of those
 * that were given, without the ones that just failed as long as any other is left.
 */
export function pickService(state: Services, random: Pick<Random, "float">): string {
  const fresh = (urls: readonly string[]) => urls.filter((url) => !state.avoided.has(url));
  const candidates = [fresh(state.known), fresh(state.seeds), [...new Set([...state.known, ...state.seeds])]]
    .find((urls) => urls.length > 0) ?? [];
  const url = candidates[Math.floor(random.float() * candidates.length)];
  if (url === undefined) throw new RangeError("Cannot pick a service: there is none");
  // Once all have failed, each gets another chance.
  if (state.avoided.has(url)) state.avoided.clear();
  return url;
}

/** All services, the best to ask first. */
export function servicesInOrder(state: Services & Pick<SubscriptionState, "phase">): string[] {
  const current = "url" in state.phase ? [state.phase.url] : [];
  const all = [...new Set([...current, ...state.known, ...state.seeds])];
  return [...all.filter((url) => !state.avoided.has(url)), ...all.filter((url) => state.avoided.has(url))];
}
