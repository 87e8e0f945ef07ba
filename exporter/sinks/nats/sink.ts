import type { ConnectionOptions } from "@nats-io/transport-node";
import { resolve } from "node:path";
import { z } from "zod";
import type { Batch, DeliveryOutcome, Sink } from "../../sink.ts";
import { readSecret, secretReference } from "../http/secret.ts";
import { JsonLines } from "../json_lines.ts";
import type { SinkContext, SinkType } from "../sink_types.ts";
import { NatsError, NatsLink } from "./link.ts";
import { type Message, messageLanes } from "./messages.ts";
import { templateProblem, wildcardOf } from "./subject.ts";

const template = z.string().superRefine((text, context) => {
  const problem = templateProblem(text);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});
const server = z.string().regex(/^(?:(?:nats|tls):\/\/)?[^\s@/]+$/, {
  error: "must be an address such as nats://127.0.0.1:4222, without credentials: use token, or user and password",
});
const path = z.string().min(1);

const natsSchema = z.strictObject({
  name: z.string(),
  type: z.literal("nats"),
  servers: z.array(server).min(1).max(100),
  subject: template.default("metrics.{cluster}.{namespace}.{metric}"),
  opaqueSubject: template.default("records.{dataId}"),
  stream: z.string().regex(/^[A-Za-z0-9_-]+$/, { error: "must consist of letters, digits, _ and -" }).default(
    "METRICS",
  ),
  createStream: z.boolean().default(false),
  token: secretReference.optional(),
  user: z.string().min(1).optional(),
  password: secretReference.optional(),
  tls: z.strictObject({ ca: path.optional(), cert: path.optional(), key: path.optional() })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: "cert and key belong together" })
    .optional(),
  timeoutMs: z.int().min(1).max(300_000).default(5000),
  inFlightMax: z.int().min(1).max(1000).default(64),
  messageBytesMax: z.int().min(1024).max(64 * 1024 * 1024).default(256 * 1024),
}).refine(({ user, password }) => (user === undefined) === (password === undefined), {
  error: "user and password belong together",
}).refine(({ token, user }) => token === undefined || user === undefined, {
  error: "token and user exclude each other",
});

export type NatsConfig = z.output<typeof natsSchema>;
type NatsContext = Pick<SinkContext, "configDir" | "variables"> & { readonly env: Pick<SinkContext["env"], "fs"> };

export const natsType: SinkType<NatsConfig> = {
  schema: natsSchema,
  place: () => null,
  async create(config, context) {
    // A secret that is missing is told at the start.
    await connectionOptions(config, context);
    return createNatsSink(config, context);
  },
};

/** How long to leave a server alone that refuses our credentials. */
const mendPauseMs = 60_000;

/**
 * NATS JetStream: one message of JSON lines for each scrape (messages.ts), delivered when the stream has acknowledged
 * it. Each message has an id made of its content, so a stream drops what comes again within its duplicate window.
 */
export function createNatsSink(config: NatsConfig, context: NatsContext): Sink {
  const { name, subject, opaqueSubject, timeoutMs, inFlightMax, messageBytesMax } = config;
  const stream = { name: config.stream, subjects: [wildcardOf(subject), wildcardOf(opaqueSubject)] };
  const link = new NatsLink({
    connection: () => connectionOptions(config, context),
    stream: config.createStream ? stream : null,
    timeoutMs,
  });
  const lines = new JsonLines();

  async function publish(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
    await link.open();
    const bytesMax = Math.min(messageBytesMax, Math.floor(link.payloadBytesMax / 2));
    const lanes = messageLanes(batch, lines, { subject, opaqueSubject, bytesMax });
    const refused = await publishLanes(link, lanes, inFlightMax, signal);
    if (refused !== null) return { outcome: "rejected", reason: refused.message };
    return { outcome: "delivered", samples: batch.sampleCount, records: batch.scrapes.length + batch.opaque.length };
  }

  return {
    name,
    type: "nats",
    async deliver(batch, signal) {
      const stopped = Promise.withResolvers<DeliveryOutcome>();
      const onAbort = () => stopped.resolve({ outcome: "retry", reason: "stopped" });
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) return { outcome: "retry", reason: "stopped" };
      try {
        return await Promise.race([publish(batch, signal), stopped.promise]);
      } catch (error) {
        if (!(error instanceof NatsError)) throw error;
        return retryOf(error);
      } finally {
        signal.removeEventListener("abort", onAbort);
      }
    },
    close: () => link.close(),
  };
}

function retryOf({ message: reason, alarm }: NatsError): DeliveryOutcome {
  return alarm ? { outcome: "retry", reason, afterMs: mendPauseMs, alarm } : { outcome: "retry", reason };
}

/**
 * Publishes lanes side by side, the messages of each one after the other. What is refused for good ends nothing: the
 * first such error is returned. Any other ends all lanes.
 * @throws NatsError of the first lane that failed.
 */
async function publishLanes(
  link: NatsLink,
  lanes: readonly Iterable<Message>[],
  inFlightMax: number,
  signal: AbortSignal,
): Promise<NatsError | null> {
  let next = 0;
  const failures: NatsError[] = [];
  const refusals: NatsError[] = [];
  async function work(): Promise<void> {
    for (let lane = lanes[next++]; lane !== undefined; lane = lanes[next++]) {
      for (const message of lane) {
        if (signal.aborted || failures.length > 0) return;
        try {
          await link.publish(message);
        } catch (error) {
          if (!(error instanceof NatsError)) throw error;
          (error.permanent ? refusals : failures).push(error);
        }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(inFlightMax, lanes.length) }, () => work()));
  if (failures[0] !== undefined) throw failures[0];
  return refusals[0] ?? null;
}

/** @throws RangeError when a secret is not there. */
async function connectionOptions(config: NatsConfig, context: NatsContext): Promise<ConnectionOptions> {
  const { servers, token, user, password, tls, name } = config;
  const { configDir, variables, env: { fs } } = context;
  const secret = (reference: string) => readSecret(reference, { variables, fs, configDir });
  const at = (file: string | undefined) => file === undefined ? undefined : resolve(configDir, file);
  const files = { caFile: at(tls?.ca), certFile: at(tls?.cert), keyFile: at(tls?.key) };
  return {
    servers: [...servers],
    name: `bcs-metric ${name}`,
    ...token === undefined ? {} : { token: await secret(token) },
    ...user === undefined || password === undefined ? {} : { user, pass: await secret(password) },
    ...tls === undefined ? {} : { tls: defined(files) },
  };
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => value === undefined ? [] : [[key, value]]),
  );
}
