import { z } from "zod";
import { httpShape, oneCredential } from "../http/mod.ts";
import { encodingHeader, protocolHeaders, resourceLabelsDefault, samplesMaxDefault } from "./sink.ts";

const labelName = z.string().min(1);

/** The options of an OTLP sink in a configuration. */
export const otlpSchema = z.strictObject({
  name: z.string(),
  type: z.literal("otlp"),
  ...httpShape("http://127.0.0.1:4318/v1/metrics", [...Object.keys(protocolHeaders), encodingHeader]),
  compression: z.enum(["gzip", "none"]).default("gzip"),
  samplesMax: z.int().min(1).max(1_000_000).default(samplesMaxDefault),
  /** Added to the default ones; an attribute must not be named twice. */
  resourceLabels: z.record(labelName, labelName).default({})
    .transform((more) => new Map([...resourceLabelsDefault, ...Object.entries(more)]))
    .refine((all) => new Set(all.values()).size === all.size, { error: "two labels have the same attribute" }),
}).refine(...oneCredential);
