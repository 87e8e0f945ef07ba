import { z } from "zod";
import { protocolHeaders, samplesMaxDefault, timeoutMsDefault } from "./sink.ts";

/** Where secrets are read from: they are named in a configuration, never written there. */
export type Variables = Readonly<Record<string, string | undefined>>;

const reference = z.string().regex(/^env:[A-Za-z_][A-Za-z0-9_]*$/, {
  error: "must name an environment variable, as env:NAME; the secret itself does not belong in a file",
});

/** Headers that belong to the protocol, to HTTP, or to the options for credentials. */
const reservedHeaders = new Set([
  ...Object.keys(protocolHeaders),
  "authorization",
  "connection",
  "content-length",
  "host",
  "transfer-encoding",
]);

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: "is no name of a header" })
  .refine((name) => !reservedHeaders.has(name.toLowerCase()), { error: "must not be set: the sink sets it itself" });
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, { error: "is no value of a header" });

const url = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}).transform((text) => new URL(text));

/** YAML reads an unquoted 1.0 as the number 1. */
const protocol = z.union([z.string(), z.number()]).transform((value) =>
  typeof value === "number" ? `${value}.0` : value
)
  .refine((version) => version === "1.0", {
    error: `only "1.0" is there yet; remote write 2.0 comes in a later version`,
  });

/** The options of a remote write sink in a configuration. */
export const remoteWriteSchema = z.strictObject({
  name: z.string(),
  type: z.literal("remote_write"),
  url,
  protocol: protocol.default("1.0"),
  /** A value of the form `env:NAME` is taken from that environment variable. */
  headers: z.record(headerName, headerValue).default({}),
  bearerToken: reference.optional(),
  basic: z.strictObject({ username: z.string().min(1), password: reference }).optional(),
  timeoutMs: z.int().min(1).max(300_000).default(timeoutMsDefault),
  samplesMax: z.int().min(1).max(1_000_000).default(samplesMaxDefault),
}).refine((options) => options.bearerToken === undefined || options.basic === undefined, {
  error: "bearerToken and basic exclude each other",
});

export type RemoteWriteConfig = z.output<typeof remoteWriteSchema>;

/**
 * The headers to send besides those of the protocol, with the secrets in them: not to be logged.
 * @throws RangeError that names the variable, when one that is referred to is not set or cannot be sent.
 */
export function requestHeaders(config: RemoteWriteConfig, variables: Variables): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(config.headers)) {
    headers[name.toLowerCase()] = reference.safeParse(value).success ? readSecret(value, variables) : value;
  }
  const { bearerToken, basic } = config;
  if (bearerToken !== undefined) headers["authorization"] = `Bearer ${readSecret(bearerToken, variables)}`;
  if (basic !== undefined) {
    const pair = `${basic.username}:${readSecret(basic.password, variables)}`;
    headers["authorization"] = `Basic ${Buffer.from(pair, "utf8").toString("base64")}`;
  }
  return headers;
}

function readSecret(from: string, variables: Variables): string {
  const name = from.slice("env:".length);
  const value = variables[name] ?? "";
  if (value === "") throw new RangeError(`environment variable "${name}" is not set`);
  if (!headerValue.safeParse(value).success) throw new RangeError(`environment variable "${name}" has a line break`);
  return value;
}

function urlProblem(text: string): string | null {
  const parsed = URL.canParse(text) ? new URL(text) : null;
  if (parsed === null || parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return "must be an address such as http://127.0.0.1:9090/api/v1/write";
  }
  if (parsed.username !== "" || parsed.password !== "") return "must not contain credentials: use basic or bearerToken";
  return null;
}
