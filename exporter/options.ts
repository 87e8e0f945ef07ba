import { hostname } from "node:os";
import { z } from "zod";
import { nameProblem } from "../core/config/names.ts";
import { addressText, logLevelOption, safeNameText, storeOption } from "../core/option_types.ts";
import type { CommandDefinition, OptionDefinitions } from "../core/options.ts";
import { retentionDefault } from "./delivery/retention.ts";
import { baseBytesDefault, ingestBytesDefault } from "./ingest/limits.ts";

const switchSchema = z.union([z.boolean(), z.stringbool()], { error: "must be true or false" }).default(false);

function pemOption(help: string) {
  const schema = z.string().min(1, { error: "must name a file" }).optional();
  return { value: "FILE", help: `${help} (PEM)`, schema } as const;
}

const options = {
  data: {
    value: "DIR",
    help: "folder of the write-ahead log, the cursors and the file sink",
    schema: z.string().min(1, { error: "must name a folder" }),
  },
  listen: {
    value: "HOST:PORT",
    help: "address for collectors",
    schema: addressText.default("127.0.0.1:7071"),
  },
  http: {
    value: "HOST:PORT",
    help: "address of /metrics, /healthz, /readyz, /v1/status and the export route",
    schema: addressText.default("127.0.0.1:7072"),
  },
  volume: {
    value: "DIR",
    help: "configuration volume in whose registry the exporter announces itself; without one it does not",
    schema: z.string().min(1, { error: "must name a folder" }).optional(),
  },
  store: storeOption,
  name: {
    value: "NAME",
    help: "name of this exporter, unique in the registry",
    schema: safeNameText.default(() => defaultName(hostname(), process.pid)),
  },
  cluster: {
    value: "CLUSTER",
    help: "cluster that the exporter is announced for",
    schema: z.union([z.literal(""), safeNameText], { error: "must be a cluster's name" }).default(""),
  },
  ingestMemory: {
    value: "BYTES",
    help: "what all collectors together may have sent without an acknowledgement",
    schema: z.coerce.number({ error: "must be a number of bytes" }).int().min(64 * 1024).default(ingestBytesDefault),
  },
  baseMemory: {
    value: "BYTES",
    help: "memory for what coded scrapes refer to, over all sessions; those without room send theirs uncoded",
    schema: z.coerce.number({ error: "must be a number of bytes" }).int().min(0).default(baseBytesDefault),
  },
  tlsCert: pemOption("certificate of both ports, followed by those between it and its CA; read anew when it changes"),
  tlsKey: pemOption("the certificate's key"),
  tlsClientCa: pemOption("CA of the collectors' certificates, which they must show then (mutual TLS)"),
  tokens: {
    value: "FILE",
    help: "YAML file of the tokens that collectors and HTTP clients must show; read anew when it changes",
    schema: z.string().min(1, { error: "must name a file" }).optional(),
  },
  oldClients: {
    help: "serve clients of the original system, which have no tokens, in spite of --tokens or --tls-client-ca",
    schema: switchSchema,
  },
  allowInsecure: {
    help: "listen on other addresses than loopback without tokens and client certificates",
    schema: switchSchema,
  },
  retentionBytes: {
    value: "BYTES",
    help: "size of the write-ahead log at which its oldest part goes, delivered or not; what is lost is declared",
    schema: z.coerce.number({ error: "must be a number of bytes" }).int().min(1).default(retentionDefault.bytes),
  },
  retentionAge: {
    value: "SECONDS",
    help: "age of records at which they go, delivered or not; what is lost is declared",
    schema: z.coerce.number({ error: "must be a number of seconds" }).min(1).default(retentionDefault.ageMs / 1000),
  },
  logLevel: logLevelOption,
} as const satisfies OptionDefinitions;

/** `bcs-metric exporter`. The `--config` file may also hold `sinks` and `routes`. */
export const exporterCommand = {
  name: "exporter",
  summary: "Receives what collectors scrape, makes it durable, acknowledges it and delivers it to the sinks.",
  options,
  configKeys: ["sinks", "routes"],
} as const satisfies CommandDefinition<typeof options>;

/** `exporter-<host name>`, or with the process's number when the host name is no part of a safe name. */
export function defaultName(host: string, pid: number): string {
  const name = `exporter-${host}`;
  return nameProblem(name) === null ? name : `exporter-${pid}`;
}
