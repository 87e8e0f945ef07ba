import { z } from "zod";
import { httpShape, oneCredential } from "../http/mod.ts";
import { protocol2 } from "./protocol.ts";
import { samplesMaxDefault } from "./sink.ts";

/** YAML reads an unquoted 1.0 as the number 1. */
const protocol = z.union([z.string(), z.number()])
  .transform((value) => typeof value === "number" ? `${value}.0` : value)
  .pipe(z.enum(["auto", "1.0", "2.0"], { error: `must be "auto", "1.0" or "2.0"` }));

/** The options of a remote write sink in a configuration. */
export const remoteWriteSchema = z.strictObject({
  name: z.string(),
  type: z.literal("remote_write"),
  ...httpShape("http://127.0.0.1:9090/api/v1/write", Object.keys(protocol2.headers)),
  protocol: protocol.default("auto"),
  samplesMax: z.int().min(1).max(1_000_000).default(samplesMaxDefault),
}).refine(...oneCredential);
