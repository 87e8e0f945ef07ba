import type { CollectionMetric, CollectionTarget, MetricDocument } from "../../core/config/schema.ts";
import type { Clock } from "../../core/runtime/env.ts";
import {
  endpointOf,
  makeFetcher,
  planRequest,
  type ScrapeAccess,
  type ScrapeRequest,
  UnusableTargetError,
} from "../../core/scrape/mod.ts";
import { settingsOf } from "../reconcile/scrape_plan.ts";
import type { Target, Unresolved } from "../targets/candidate.ts";
import { resolveTargets } from "../targets/resolve.ts";
import type { Sources } from "../targets/sources.ts";
import { emptyReading, readBody, type Reading } from "./reading.ts";

/** A trial takes no longer, and reads no more, whatever the metric allows its collectors. */
export const trialMsMax = 10_000;
export const trialBodyBytesMax = 16 * 1024 * 1024;

export interface TrialOptions {
  readonly metric: MetricDocument;
  readonly sources: Sources;
  /** Of the metric's targets, the one to scrape: the first by default. */
  readonly pod?: string | undefined;
  readonly address?: string | undefined;
  readonly clock: Clock;
  /** What this service may reach, and the secrets that it has. Default: no secrets. */
  readonly access?: ScrapeAccess | undefined;
  /** Of this program, for the User-Agent. */
  readonly version: string;
}

/** What one scrape brought, and what a collector would make of it. */
export interface TrialResult extends Reading {
  /** Whether a collector's scrape of the same would be up. */
  readonly ok: boolean;
  readonly target: { readonly address: string; readonly pod: string };
  /** Number of targets that the metric has. */
  readonly targets: number;
  readonly request: { readonly method: string; readonly url: string };
  /** Of the HTTP response; 0 when there was none. */
  readonly status: number;
  readonly contentType: string;
  readonly durationMs: number;
  /** Decompressed. */
  readonly bodyBytes: number;
  /** What the reader of the result should know; "" for nothing. */
  readonly note: string;
}

/** There is nothing to scrape: `reason` says why, and `unresolved` what the metric selects all the same. */
export class NoTargetError extends Error {
  override name = "NoTargetError";
  readonly unresolved: readonly Unresolved[];

  constructor(message: string, unresolved: readonly Unresolved[]) {
    super(message);
    this.unresolved = unresolved;
  }
}

/**
 * Scrapes one target of a metric now, from this process, with the rules of a collector. Nothing of it is kept or
 * sent on. Only what the metric's own targets resolve to can be scraped: no caller names an address of his own.
 * @throws NoTargetError when the metric has no target, or none that is asked for.
 */
export async function tryMetric(options: TrialOptions): Promise<TrialResult> {
  const { targets, unresolved } = resolveTargets(options.metric, options.sources);
  const target = chooseTarget(options, targets, unresolved);
  const metric: CollectionMetric = { ...settingsOf(options.metric), targets: [] };
  const { address, pod } = target;
  const base = { target: { address, pod }, targets: targets.length, contentType: "", status: 0, durationMs: 0 };
  let request: ScrapeRequest;
  try {
    request = bounded(planRequest(metric, collectionTarget(target), options.version));
  } catch (error) {
    if (!(error instanceof UnusableTargetError)) throw error;
    const failed = { ...emptyReading, error: { message: error.message } };
    return { ...base, ...failed, ok: false, request: { method: metric.method, url: "" }, bodyBytes: 0, note: "" };
  }
  const fetched = await fetchOnce(request, options);
  const shown = { ...base, request: { method: request.method, url: request.origin + request.path } };
  const { outcome, durationMs } = fetched;
  if (!outcome.ok) {
    const { status, reason, refused } = outcome;
    const note = refused === "secret"
      ? secretNote
      : refused !== undefined
      ? refusedNote
      : status === 0
      ? unreachedNote
      : "";
    return { ...shown, ...emptyReading, ok: false, status, durationMs, bodyBytes: 0, error: { message: reason }, note };
  }
  const { body, contentType } = outcome;
  const { clusterId: cluster, namespace, name } = options.metric.metadata;
  const identity = { cluster, namespace, metric: name, address, pod };
  const reading = readBody(body, contentType, metric, collectionTarget(target), identity);
  const ok = reading.error === null && reading.problems.length === 0;
  const note = metric.metricType === "" ? opaqueNote : "";
  return { ...shown, ...reading, ok, status: 200, contentType, durationMs, bodyBytes: body.length, note };
}

const unreachedNote = "this service made the request itself; a collector runs in the namespace's own network, "
  + "and may reach what the service does not";
const secretNote = "this service made the request itself, and has no such secret; it may exist at the namespace's "
  + "collectors only, and the metric work there";
const refusedNote = "this service refused the request; the collectors have settings of their own for what they allow";
const opaqueNote = "the metric is opaque: its text is handed on as it is, and not looked into";

async function fetchOnce(request: ScrapeRequest, { clock, access }: Pick<TrialOptions, "clock" | "access">) {
  const fetcher = makeFetcher(request, request.timeoutMs, clock, access);
  try {
    const begunMs = clock.monotonicMs();
    const outcome = await fetcher.fetch();
    return { outcome, durationMs: clock.monotonicMs() - begunMs };
  } finally {
    fetcher.close();
  }
}

function bounded(request: ScrapeRequest): ScrapeRequest {
  return {
    ...request,
    timeoutMs: Math.min(request.timeoutMs, trialMsMax),
    bodyBytesMax: Math.min(request.bodyBytesMax, trialBodyBytesMax),
  };
}

function collectionTarget({ address, pod, scheme, uri, parameters, labels }: Target): CollectionTarget {
  return {
    address,
    pod,
    labels: { ...labels },
    ...(scheme === undefined ? {} : { scheme }),
    ...(uri === undefined ? {} : { uri }),
    ...(parameters === undefined ? {} : { parameters: { ...parameters } }),
  };
}

function chooseTarget(
  { metric, pod, address }: TrialOptions,
  targets: readonly Target[],
  unresolved: readonly Unresolved[],
): Target {
  const isAt = (target: Target) => address === undefined || [target.address, endpointOf(target)].includes(address);
  const wanted = targets.filter((target) => (pod === undefined || target.pod === pod) && isAt(target));
  const [first] = wanted;
  if (first !== undefined) return first;
  const { name } = metric.metadata;
  const named = unresolved.find((one) => one.pod === pod);
  const explained = named ?? (targets.length === 0 ? unresolved[0] : undefined);
  const why = explained === undefined ? "" : `: pod ${explained.pod}: ${explained.reason}`;
  if (targets.length === 0) throw new NoTargetError(`metric ${name} has no target${why}`, unresolved);
  const asked = [pod === undefined ? "" : `pod ${pod}`, address ?? ""].filter((text) => text !== "").join(" at ");
  throw new NoTargetError(`metric ${name} has ${targets.length} targets, and none is ${asked}${why}`, unresolved);
}
