import { z } from "zod";
import type { Clock } from "../../../core/runtime/env.ts";
import { ApiError } from "../../clusters/api_error.ts";
import type { KubeClient } from "../../kubernetes/client.ts";
import type { SetView } from "./read_set.ts";

/** How long an answer is good for: the list is asked for at every change. */
const keepMs = 15_000;
/** Older events tell of what is over. */
const recentMs = 600_000;
const keptMax = 1000;
const messageCharsMax = 300;

const eventList = z.looseObject({
  items: z.array(z.looseObject({
    reason: z.string().default(""),
    message: z.string().default(""),
    type: z.string().default(""),
    lastTimestamp: z.string().nullish(),
    involvedObject: z.looseObject({ uid: z.string().optional() }).default({}),
  })).nullable().default([]),
});

/** Why the pods of a StatefulSet are not made, by the warnings that its controller leaves as events. */
export class CreationProblems {
  readonly #client: Pick<KubeClient, "request">;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly askedMs: number; readonly problem: string }>();

  constructor(client: Pick<KubeClient, "request">, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** "" when nothing is known. */
  async problemOf(set: SetView): Promise<string> {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(set.uid);
    if (known !== undefined && nowMs - known.askedMs < keepMs) return known.problem;
    if (this.#known.size >= keptMax) this.#known.clear();
    // Those who ask meanwhile need not ask again.
    this.#known.set(set.uid, { askedMs: nowMs, problem: known?.problem ?? "" });
    const problem = await this.#ask(set);
    this.#known.set(set.uid, { askedMs: nowMs, problem });
    return problem;
  }

  async #ask({ namespace, setName, uid }: SetView): Promise<string> {
    const fieldSelector = `involvedObject.kind=StatefulSet,involvedObject.name=${setName},type=Warning`;
    try {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
      const answer = await this.#client.request({ method: "GET", path, query: { fieldSelector, limit: "100" } });
      const { items } = eventList.parse(answer);
      const sinceMs = this.#clock.wallMs() - recentMs;
      const latest = (items ?? [])
        .filter(({ type, involvedObject }) => type === "Warning" && involvedObject.uid === uid)
        .map((event) => ({ ...event, atMs: Date.parse(event.lastTimestamp ?? "") }))
        .filter(({ atMs }) => atMs >= sinceMs)
        .toSorted((a, b) => a.atMs - b.atMs).at(-1);
      return latest === undefined ? "" : `${latest.reason}: ${latest.message}`.slice(0, messageCharsMax);
    } catch (error) {
      // Events may not be for us to read: then it is not known why, which must not fail the list.
      if (error instanceof ApiError || error instanceof z.ZodError) return "";
      throw error;
    }
  }
}
