import type { FileStatus } from "../../core/config/catalog.ts";
import type { ConfigProblem } from "../../core/config/document.ts";
import type { MetricDocument } from "../../core/config/schema.ts";
import type { RegistryRecord } from "../../core/registry/records.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import type { Sources } from "../targets/sources.ts";
import type { WorkloadRow } from "../workloads/workload_rows.ts";
import type { DeliveryView } from "./delivery.ts";

/** The links between a definition and delivered data, in their order. */
export type StepName =
  | "definition"
  | "selector"
  | "discovery"
  | "address"
  | "relabelling"
  | "assignment"
  | "collector"
  | "last scrape"
  | "delivery";

export interface Step {
  readonly step: StepName;
  /** Null when it is not known (yet). */
  readonly ok: boolean | null;
  readonly detail: string;
  /** What keeps a file from taking effect as it stands, with its place. */
  readonly problems?: readonly ConfigProblem[];
}

/** The way of one instance through one metric, up to the first step that does not hold. */
export interface Chain {
  readonly cluster: string;
  readonly namespace: string;
  readonly metric: string;
  /** "" when it is not known. */
  readonly pod: string;
  /** `host:port`; "" while there is none. */
  readonly address: string;
  readonly ok: boolean | null;
  /** One sentence. */
  readonly verdict: string;
  readonly steps: readonly Step[];
}

/** An instance that a metric almost selects. */
export interface NearMiss {
  readonly cluster: string;
  readonly namespace: string;
  readonly metric: string;
  readonly pod: string;
  /** Such as `label app is shop-v2, the metric asks for shop`. */
  readonly reason: string;
}

/** The answer of `GET /v1/explain`. */
export interface Explanation {
  readonly ok: boolean | null;
  readonly verdict: string;
  /** Broken ones first; at most {@link chainsMax}. */
  readonly chains: readonly Chain[];
  readonly chainsOmitted: number;
  /** The nearest first; at most {@link nearMissesMax}. */
  readonly nearMisses: readonly NearMiss[];
  readonly nearMissesOmitted: number;
}

export const chainsMax = 20;
export const nearMissesMax = 10;

/** One of the three is given. */
export interface ExplainQuery {
  readonly pod?: string | undefined;
  /** `host:port`. */
  readonly target?: string | undefined;
  readonly metric?: string | undefined;
  readonly cluster?: string | undefined;
  readonly namespace?: string | undefined;
}

/** Everything that an explanation looks at: what the service knows at one moment. */
export interface ExplainView {
  readonly metrics: readonly MetricDocument[];
  readonly files: readonly FileStatus[];
  readonly sources: Sources;
  readonly targets: readonly TargetRow[];
  readonly collectors: readonly CollectorRow[];
  /** None by default. */
  readonly workloads?: readonly WorkloadRow[];
  readonly exporters: readonly RegistryRecord[];
  /** Absent when no exporter was asked. */
  readonly delivery?: DeliveryView;
  /** Unix milliseconds. */
  readonly nowMs: number;
}
