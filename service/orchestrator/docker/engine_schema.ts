import { z } from "zod";

/** What is read of the Docker Engine's answers (API 1.41); everything else in them is passed over. */

const labels = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});

export const containerListSchema = z.array(z.object({ Id: z.string(), Labels: labels }));

const mountSchema = z.looseObject({ Type: z.string().default(""), Target: z.string().default("") });

export const containerSchema = z.object({
  Id: z.string(),
  Name: z.string().transform((name) => name.replace(/^\//, "")),
  /** Digest of the image that it runs. */
  Image: z.string(),
  RestartCount: z.number().default(0),
  State: z.object({
    Status: z.string(),
    Pid: z.number().default(0),
    ExitCode: z.number().default(0),
    OOMKilled: z.boolean().default(false),
    Error: z.string().default(""),
    Health: z.object({
      Status: z.string(),
      Log: z.array(z.object({ Output: z.string().default("") })).nullish(),
    }).nullish(),
  }),
  Config: z.object({
    Image: z.string(),
    Env: z.array(z.string()).nullish().transform((value) => value ?? []),
    Cmd: z.array(z.string()).nullish().transform((value) => value ?? []),
    Labels: labels,
  }),
  HostConfig: z.object({
    Memory: z.number().default(0),
    NanoCpus: z.number().default(0),
    NetworkMode: z.string().default(""),
    Binds: z.array(z.string()).nullish(),
    Mounts: z.array(mountSchema).nullish(),
    ExtraHosts: z.array(z.string()).nullish(),
    Dns: z.array(z.string()).nullish(),
  }),
  NetworkSettings: z.object({
    Networks: z.record(z.string(), z.unknown()).nullish().transform((value) => value ?? {}),
  }),
});
/** A container as it is there. */
export type FoundContainer = z.output<typeof containerSchema>;

export const createdSchema = z.object({ Id: z.string() });

export const imageSchema = z.object({
  Config: z.object({
    Env: z.array(z.string()).nullish(),
    Labels: labels,
  }).nullish(),
});

export const volumesSchema = z.object({ Volumes: z.array(z.object({ Name: z.string() })).nullish() });

/** One line of what `POST /images/create` tells while it pulls. */
export const pullLineSchema = z.object({ error: z.string().optional() });

export const eventSchema = z.object({
  Type: z.string(),
  Action: z.string(),
  Actor: z.object({ ID: z.string().default(""), Attributes: labels }),
  timeNano: z.number().default(0),
});
export type EngineEvent = z.output<typeof eventSchema>;
