import { resolve } from "node:path";
import { join } from "node:path/posix";
import { z } from "zod";
import { environmentName, type OptionDefinitions } from "../options.ts";
import type { Env } from "../runtime/env.ts";
import { LocalSecrets } from "../secrets/secret_source.ts";
import type { Logger } from "../telemetry/log.ts";
import type { ScrapeAccess } from "./access.ts";
import { AddressRules, networkProblem } from "./address_rules.ts";

/** Items separated by commas in flag and environment, text or list in YAML. */
const textList = z.union([z.array(z.string()), z.string().transform((text) => text.split(","))]).default([])
  .transform((items) => items.map((item) => item.trim()).filter((item) => item !== ""));

function listOf(problemOf: (item: string) => string | null) {
  return textList.superRefine((items, context) => {
    const message = items.map(problemOf).find((problem) => problem !== null);
    if (message !== undefined) context.addIssue({ code: "custom", message: message ?? "" });
  });
}

const networks = listOf(networkProblem);

const proxyUrls = listOf((text) =>
  /^http:\/\/[^/?#@\s]+\/?$/.test(text) && URL.canParse(text) ? null : `"${text}" is no URL such as http://HOST:PORT`
).transform((urls) => urls.map((url) => new URL(url).origin));

const prefixes = listOf((text) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? null : `"${text}" begins no variable's name`);

/** Options of whatever makes scrapes: what definitions may reach on the operator's machines. */
export const accessOptions = {
  allowTargets: {
    value: "CIDR[,CIDR]",
    help: "scrape only addresses in these networks; by default all that are not denied",
    schema: networks,
  },
  denyTargets: {
    value: "CIDR[,CIDR]",
    help: "never scrape addresses in these networks; link-local and metadata addresses are denied anyway",
    schema: networks,
  },
  allowProxies: { value: "URL[,URL]", help: "proxies that a metric's proxyUrl may name", schema: proxyUrls },
  allowInsecureTls: {
    help: "let metrics turn the check of certificates off by insecureSkipVerify",
    schema: z.union([z.boolean(), z.stringbool()]).default(false),
  },
  secrets: {
    value: "DIR",
    help: "folder of what metrics name file:NAME; it is the file DIR/CLUSTER/NAMESPACE/NAME",
    schema: z.string().min(1, { error: "must name a folder" }).optional(),
  },
} as const satisfies OptionDefinitions;

/** For collectors only: a service serves every namespace, and variables belong to none. */
export const variableOption = {
  secretEnv: {
    value: "PREFIX[,PREFIX]",
    help: "let metrics name env:NAME where NAME begins with one of these; by default none",
    schema: prefixes,
  },
} as const satisfies OptionDefinitions;

export interface AccessValues {
  readonly allowTargets: readonly string[];
  readonly denyTargets: readonly string[];
  readonly allowProxies: readonly string[];
  readonly allowInsecureTls: boolean;
  readonly secrets?: string | undefined;
  readonly secretEnv?: readonly string[];
}

/** The same options for another process, as environment. */
export function accessEnvironment(values: AccessValues): Record<string, string> {
  const { allowTargets, denyTargets, allowProxies, allowInsecureTls, secrets } = values;
  const named = {
    allowTargets: allowTargets.join(),
    denyTargets: denyTargets.join(),
    allowProxies: allowProxies.join(),
    allowInsecureTls: String(allowInsecureTls),
    ...secrets === undefined ? {} : { secrets: resolve(secrets) },
  };
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [environmentName(name), value]));
}

/** What the options allow the definitions of one namespace, whose secrets are in a folder of their own. */
export function accessOf(
  values: AccessValues,
  place: { readonly cluster: string; readonly namespace: string },
  deps: {
    readonly env: Pick<Env, "fs" | "clock">;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly log: Logger;
  },
): ScrapeAccess {
  const { allowTargets: allow, denyTargets: deny, allowProxies, allowInsecureTls, secrets, secretEnv = [] } = values;
  const { env: { fs, clock }, environment, log } = deps;
  const folder = secrets === undefined ? "" : join(resolve(secrets), place.cluster, place.namespace);
  return {
    addresses: new AddressRules({ allow, deny }),
    secrets: new LocalSecrets({ folder, variablePrefixes: secretEnv, environment, fs, clock }),
    proxies: new Set(allowProxies),
    allowsInsecureTls: allowInsecureTls,
    certificateProblem: (target, reason) =>
      log.error({ target, reason }, "the target's certificates stay as they were"),
  };
}
