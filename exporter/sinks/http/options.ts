import { resolve } from "node:path";
import { z } from "zod";
import type { ClientTls, Clock, FileSystem } from "../../../core/runtime/env.ts";
import { TlsFiles } from "../../../core/runtime/tls_files.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import { createHttpClient, type HttpClient } from "./client.ts";
import { isSecretReference, readSecret, type SecretPlaces, secretReference, type Variables } from "./secret.ts";

export const timeoutMsDefault = 30_000;
/** Secrets are read again at most so often. */
const secretAgeMsMax = 1000;

/** Headers that belong to HTTP, or to the options for credentials. */
const reservedHeaders = ["authorization", "connection", "content-length", "host", "transfer-encoding"];

/** An address to send to. `example` stands in what is said of a wrong one. */
export function urlSchema(example: string) {
  return z.string().superRefine((text, context) => {
    const problem = urlProblem(text, example);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  }).transform((text) => new URL(text));
}

/**
 * The options that every HTTP sink has, to be spread into its schema. `protocolHeaders` are those that the sink sets
 * itself, and that no option may set.
 */
export function httpShape(example: string, protocolHeaders: readonly string[]) {
  const reserved = new Set([...reservedHeaders, ...protocolHeaders]);
  const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: "is no name of a header" })
    .refine((name) => !reserved.has(name.toLowerCase()), { error: "must not be set: the sink sets it itself" });
  const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "is no value of a header" });
  const path = z.string().min(1);
  return {
    url: urlSchema(example),
    /** A value of the form `env:NAME` or `file:PATH` is a reference to a secret. */
    headers: z.record(headerName, headerValue).default({}),
    bearerToken: secretReference.optional(),
    basic: z.strictObject({ username: z.string().min(1), password: secretReference }).optional(),
    tls: z.strictObject({
      ca: path.optional(),
      cert: path.optional(),
      key: path.optional(),
      serverName: z.string().min(1).optional(),
    }).refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
      error: "cert and key belong together",
    }).optional(),
    proxy: urlSchema("http://127.0.0.1:3128").optional(),
    timeoutMs: z.int().min(1).max(300_000).default(timeoutMsDefault),
  };
}

/** The rule across the options of {@link httpShape}, for `.refine(...oneCredential)`. */
export const oneCredential = [
  (options: { readonly bearerToken?: unknown; readonly basic?: unknown }) =>
    options.bearerToken === undefined || options.basic === undefined,
  { error: "bearerToken and basic exclude each other" },
] as const;

export type HttpConfig = z.output<z.ZodObject<ReturnType<typeof httpShape>>>;

/** What of a sink's context a client needs. */
export interface HttpContext {
  readonly env: { readonly clock: Clock; readonly fs: FileSystem };
  readonly variables: Variables;
  readonly configDir: string;
  readonly log: Logger;
}

/**
 * A client for the options of {@link httpShape}. `fixed` are headers that every request has. Certificates that
 * change are used from the next connection on, and bad ones change nothing; a secret in a file is read again for a new
 * request, and when it is gone the request fails with an alarm.
 * @throws RangeError that names the place of a secret, when it is not there or cannot be sent.
 * @throws UserError when the files for TLS cannot be used.
 */
export async function openHttpClient(
  config: HttpConfig,
  context: HttpContext,
  fixed: Readonly<Record<string, string>> = {},
): Promise<HttpClient> {
  const { url, proxy = null, timeoutMs } = config;
  const headers = new HeaderSource(config, context, fixed);
  await headers.read();
  const files = await openTlsFiles(config, context);
  const material = (): ClientTls => ({ ...files?.content, serverName: config.tls?.serverName });
  const { clock } = context.env;
  const tls = config.tls === undefined ? null : material();
  const client = createHttpClient({ url, proxy, timeoutMs, clock, tls, headers: () => headers.read() });
  files?.onRenew(() => client.renewTls(material()));
  return {
    ...client,
    async close() {
      files?.close();
      await client.close();
    },
  };
}

async function openTlsFiles({ tls }: HttpConfig, { env, log, configDir }: HttpContext): Promise<TlsFiles | null> {
  if (tls?.ca === undefined && tls?.cert === undefined) return null;
  const at = (path: string | undefined) => path === undefined ? undefined : resolve(configDir, path);
  return await TlsFiles.open({ ca: at(tls.ca), cert: at(tls.cert), key: at(tls.key) }, { ...env, log });
}

/** The headers of a client, with the secrets in them: not to be logged. */
class HeaderSource {
  readonly #config: HttpConfig;
  readonly #places: SecretPlaces;
  readonly #clock: Clock;
  readonly #fixed: Readonly<Record<string, string>>;
  #headers: Readonly<Record<string, string>> = {};
  #readMs = -Infinity;

  constructor(config: HttpConfig, { env, variables, configDir }: HttpContext, fixed: Readonly<Record<string, string>>) {
    this.#config = config;
    this.#places = { variables, fs: env.fs, configDir };
    this.#clock = env.clock;
    this.#fixed = fixed;
  }

  async read(): Promise<Readonly<Record<string, string>>> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#readMs < secretAgeMsMax) return this.#headers;
    this.#headers = await this.#readAll();
    this.#readMs = nowMs;
    return this.#headers;
  }

  async #readAll(): Promise<Record<string, string>> {
    const { headers, bearerToken, basic } = this.#config;
    const found: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) {
      found[name.toLowerCase()] = isSecretReference(value) ? await readSecret(value, this.#places) : value;
    }
    if (bearerToken !== undefined) found["authorization"] = `Bearer ${await readSecret(bearerToken, this.#places)}`;
    if (basic !== undefined) {
      const pair = `${basic.username}:${await readSecret(basic.password, this.#places)}`;
      found["authorization"] = `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
    }
    return { ...found, ...this.#fixed };
  }
}

function urlProblem(text: string, example: string): string | null {
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed === null || parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return `must be an address such as ${example}`;
  }
  if (parsed.username !== "" || parsed.password !== "") return "must not contain credentials: use basic or bearerToken";
  return null;
}
