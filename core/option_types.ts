import { z } from "zod";
import { nameProblem } from "./config/names.ts";
import { messageOf } from "./errors.ts";
import { parseAddress } from "./runtime/system_net.ts";
import { parseStoreUrl } from "./store/store_place.ts";
import { logLevels } from "./telemetry/log.ts";

/** `HOST:PORT`, checked but kept as text, as `--help` shows it. */
export const addressText = z.string().superRefine((text, context) => {
  try {
    parseAddress(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: messageOf(error) });
  }
});

/** A cluster, namespace or resource name. */
export const safeNameText = z.string().superRefine((text, context) => {
  const problem = nameProblem(text);
  if (problem !== null) context.addIssue({ code: "custom", message: `the name ${problem}` });
});

/** The option `--store`, beside a `--volume`. */
export const storeOption = {
  value: "etcd://HOST:PORT[,HOST:PORT][/PREFIX]",
  help: "an etcd in place of the volume",
  schema: z.string().superRefine((text, context) => {
    try {
      parseStoreUrl(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: messageOf(error) });
    }
  }).optional(),
} as const;

/** The option `--log-level`, which every long-running part has. */
export const logLevelOption = {
  value: "LEVEL",
  help: `least level that is logged: ${logLevels.join(", ")}`,
  schema: z.enum(logLevels).default("info"),
} as const;
