import type { StrictRules } from "../strict.ts";
import { prometheusRules } from "../strict_prometheus.ts";

/** The rules of the text format, and its histogram's for the type that only protobuf has. */
export const protobufRules: StrictRules = {
  ...prometheusRules,
  suffixes: { ...prometheusRules.suffixes, gaugehistogram: ["_bucket", "_gsum", "_gcount"] },
};
