import { z } from "zod";
import { autoscaleRule } from "../../core/config/autoscale.ts";
import { nameProblem } from "../../core/config/names.ts";
import { readYamlFile } from "../../core/config/yaml_file.ts";
import { UserError } from "../../core/errors.ts";
import type { FileSystem } from "../../core/runtime/env.ts";
import { hasNoCredentials } from "./http_fetch.ts";
import { dimensions } from "./usage/usage.ts";

const url = z.url({ protocol: /^https?$/, error: "must be a URL of http or https" })
  .refine(hasNoCredentials, { error: "must not hold a user or password" });
const headers = z.record(z.string(), z.string()).default({});
const name = z.string().refine((text) => nameProblem(text) === null, { error: "must be a safe name" })
  .refine((text) => text !== "log", { error: '"log" is always there' });
const safeName = z.string().refine((text) => nameProblem(text) === null, { error: "must be a safe name" });

const notifier = z.discriminatedUnion("type", [
  z.strictObject({
    name,
    type: z.literal("webhook"),
    url,
    headers,
    secret: z.string().default("").describe("Signs what is sent; or env:NAME, or file:PATH."),
  }),
  z.strictObject({
    name,
    type: z.literal("wecom"),
    url: url.optional(),
    key: z.string().min(1).describe("Of the robot; env:NAME or file:PATH."),
    style: z.enum(["markdown", "card"]).default("markdown"),
  }),
]);

const configSchema = z.strictObject({
  lookSeconds: z.number().min(1).max(3600).default(15),
  usage: z.strictObject({
    headers,
    timeoutSeconds: z.number().min(0.1).max(120).default(10),
    windowSeconds: z.int().min(2).max(86_400).default(120),
    queries: z.partialRecord(z.enum(dimensions), z.string().min(1)).default({}),
  }).prefault({}),
  rules: z.strictObject({
    default: autoscaleRule.optional(),
    namespaces: z.array(z.strictObject({ clusterId: safeName, namespace: safeName, rule: autoscaleRule })).default([]),
  }).prefault({}),
  notifiers: z.array(notifier).max(20).default([]),
}).superRefine(({ notifiers }, context) => {
  const names = notifiers.map((one) => one.name);
  const twice = names.findIndex((one, index) => names.indexOf(one) !== index);
  if (twice >= 0) {
    context.addIssue({ code: "custom", path: ["notifiers", twice, "name"], message: `"${names[twice]}" comes twice` });
  }
});

/** What `--autoscale-config` says. */
export type AutoscaleConfig = z.output<typeof configSchema>;
export type NotifierConfig = AutoscaleConfig["notifiers"][number];

export const autoscaleConfigDefault: AutoscaleConfig = configSchema.parse({});

/**
 * The configuration of a file, see docs/autoscaling.md.
 * @throws UserError with `line:column` when it cannot be used.
 */
export async function readAutoscaleConfig(path: string, fs: Pick<FileSystem, "readFile">): Promise<AutoscaleConfig> {
  return await readYamlFile(
    path,
    configSchema,
    fs,
    (why, cause) => new UserError(`Cannot use --autoscale-config "${path}": ${why}`, { cause }),
  );
}
