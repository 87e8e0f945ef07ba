import { z } from "zod";
import type { OptionDefinitions } from "../../core/options.ts";
import { hasNoCredentials } from "./http_fetch.ts";

const file = z.string().min(1, { error: "must name a file" }).optional();
const httpUrl = z.url({ protocol: /^https?$/, error: "must be a URL of http or https" })
  .refine(hasNoCredentials, { error: "must not hold a user or password" }).optional();

/** Options of `bcs-metric service` that concern the number of collectors. */
export const autoscaleOptions = {
  autoscale: {
    value: "off|propose|auto",
    help: "whether other numbers of collectors are proposed, or approved by themselves too, where there is a rule",
    schema: z.enum(["off", "propose", "auto"]).default("propose"),
  },
  autoscaleConfig: {
    value: "FILE",
    help: "YAML file of rules, queries and notifiers for --autoscale",
    schema: file,
  },
  usageUrl: {
    value: "URL",
    help: "a Prometheus-compatible API that has the collectors' own metrics; without one their reports count",
    schema: httpUrl,
  },
  usageToken: {
    value: "TOKEN",
    help: "shown to the API of --usage-url; or env:NAME, or file:PATH",
    schema: z.string().default(""),
  },
  approvalUrl: {
    value: "URL",
    help: "where people reach this service, for the links of plans; by default where it listens",
    schema: httpUrl,
  },
  approvalKeyFile: {
    value: "FILE",
    help: "key that the links of plans are signed with, the same for all services; without one it is in the store",
    schema: file,
  },
  approvalHours: {
    value: "HOURS",
    help: "how long a plan waits for a decision",
    schema: z.coerce.number().min(0.01).max(168).default(24),
  },
} as const satisfies OptionDefinitions;
