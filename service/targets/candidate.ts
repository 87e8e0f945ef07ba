import type { MetricDocument } from "../../core/config/schema.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import type { MetaLabels } from "./meta_labels.ts";

/** What a source offers for a metric: an address, or the reason why there is none. */
export type Candidate = Target | Unresolved;

/** Something to scrape. */
export interface Target {
  /** `host:port`. */
  readonly address: string;
  /** Name of the pod or component behind it; "" when that is not known. */
  readonly pod: string;
  /** Overrides the metric's scheme. */
  readonly scheme?: "http" | "https";
  /** In place of the metric's, when relabelling changed them. */
  readonly uri?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  /** Where it was found, when relabelling changed the address. */
  readonly foundAt?: string;
  /** Laid over those that every target has; an empty one takes one of them away. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Something that the metric selects and that cannot be scraped. */
export interface Unresolved {
  readonly pod: string;
  readonly reason: string;
  /** The address at which it was found, when it was there until relabelling refused it. */
  readonly foundAt?: string;
}

/** A candidate with what relabelling can look at; the labels are made only where there are rules. */
export interface Found {
  readonly candidate: Candidate;
  readonly meta: () => MetaLabels;
}

/** Whether every pair of `selector` is in `labels`; an empty selector matches all. */
export function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

export function addressOf(host: string, port: number): string {
  return formatAddress({ host, port });
}

export type MetricSpec = MetricDocument["spec"];
