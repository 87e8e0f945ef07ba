import type { Hono } from "hono";
import { resolve } from "node:path";
import type { OptionValues } from "../../core/options.ts";
import type { Env } from "../../core/runtime/env.ts";
import type { Store } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import { openToken } from "../../core/tokens/own_token.ts";
import type { Service } from "../service.ts";
import { KeyKeeper } from "./approvals/key_keeper.ts";
import { readLinkKey, storedLinkKey } from "./approvals/link_key.ts";
import { Links } from "./approvals/links.ts";
import { approvalRoutes } from "./approvals/routes.ts";
import { makeAutoscaleMetrics } from "./autoscale_metrics.ts";
import { Autoscaler } from "./autoscaler.ts";
import { type AutoscaleConfig, autoscaleConfigDefault, readAutoscaleConfig } from "./config.ts";
import type { HttpFetch } from "./http_fetch.ts";
import { Delivery } from "./notify/delivery.ts";
import { openNotifiers } from "./open_notifiers.ts";
import type { autoscaleOptions } from "./options.ts";
import { defaultQueries, makePrometheusUsage } from "./usage/prometheus.ts";
import { makeReportedUsage } from "./usage/reports.ts";
import type { UsageSource } from "./usage/usage.ts";

export interface OpenAutoscaleDeps {
  readonly options: OptionValues<typeof autoscaleOptions>;
  readonly service: Service;
  readonly store: Store;
  readonly env: Env;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly metrics: Registry;
  readonly log: Logger;
  /** Where this service is reached when no option says it. */
  base(): string;
  /** Id of this service. */
  name(): string;
}

export interface OpenedAutoscale {
  readonly routes: Hono;
  /** Begins to look at usage, once the service has been started. */
  start(): void;
  close(): Promise<void>;
}

const runtimeFetch: HttpFetch = (url, init) => fetch(url, init);

/**
 * Scaling of collectors as the options say it.
 * @throws UserError for a file or secret that cannot be used.
 */
export async function openAutoscale(deps: OpenAutoscaleDeps): Promise<OpenedAutoscale> {
  const { options, service, store, env, log } = deps;
  const { clock, fs, random } = env;
  const config = options.autoscaleConfig === undefined
    ? autoscaleConfigDefault
    : await readAutoscaleConfig(resolve(options.autoscaleConfig), fs);
  const { approvalKeyFile } = options;
  const fileKey = approvalKeyFile === undefined ? null : await readLinkKey(resolve(approvalKeyFile), fs);
  const key = new KeyKeeper(
    () => fileKey === null ? storedLinkKey(store, random) : Promise.resolve(fileKey),
    clock,
    log,
  );
  const links = new Links(() => key.current(), () => (options.approvalUrl ?? deps.base()).replace(/\/+$/, ""));
  const opened = await openNotifiers(config, { env, variables: deps.variables, log, fetch: runtimeFetch });
  const token = await openToken(options.usageToken, deps.variables, { fs, clock, log, flag: "--usage-token" });
  const { approvals } = service;
  const notifiers = opened.notifiers.map(({ name }) => name);
  const metrics = makeAutoscaleMetrics(deps.metrics, { notifiers, approvals: () => approvals.all() });
  service.onApproval(({ state }) => metrics.changed(state));
  const acting = () => ({
    mayAct: () => service.mayAct(),
    epoch: service.leadership().epoch,
    name: deps.name(),
  });
  const delivery = new Delivery(opened.notifiers, {
    approvals,
    links,
    log,
    wallMs: () => clock.wallMs(),
    mayAct: () => service.mayAct(),
    onOutcome: (notifier, outcome) => metrics.notified(notifier, outcome),
  });
  const autoscaler = options.autoscale === "off" ? null : new Autoscaler({
    mode: options.autoscale,
    store,
    approvals,
    scales: service.scales,
    usage: usageOf(options, config, () => token.current()),
    delivery,
    clock,
    random,
    log,
    metrics,
    lookMs: config.lookSeconds * 1000,
    expiryMs: options.approvalHours * 3_600_000,
    namespaces: () => service.scaledNamespaces(config.rules),
    acting,
    apply: (event) => service.apply(event),
  });
  return {
    routes: approvalRoutes({ approvals, links, clock, autoscale: () => autoscaler?.rows() ?? [] }),
    start() {
      key.start();
      service.onApproval(() => autoscaler?.changed());
      autoscaler?.start();
    },
    async close() {
      await autoscaler?.close();
      await key.close();
      opened.close();
      token.close();
    },
  };
}

function usageOf(
  { usageUrl }: OptionValues<typeof autoscaleOptions>,
  { usage }: AutoscaleConfig,
  token: () => string,
): UsageSource {
  if (usageUrl === undefined) return makeReportedUsage();
  return makePrometheusUsage({
    url: usageUrl,
    headers: usage.headers,
    token,
    timeoutMs: usage.timeoutSeconds * 1000,
    queries: { ...defaultQueries(usage.windowSeconds), ...usage.queries },
    fetch: runtimeFetch,
  });
}
