import { z } from "zod";
import { causeMessageOf, UserError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { printable } from "./output.ts";

const timeoutMsDefault = 10_000;

/** The options of every command that asks a service. */
export const clientOptions = {
  server: {
    value: "URL",
    help: "the service to ask",
    schema: z.url({ protocol: /^https?$/, error: "must be a URL, such as http://127.0.0.1:7070" })
      .default("http://127.0.0.1:7070"),
  },
  token: { value: "TOKEN", help: "shown to the service", schema: z.string().default("") },
} as const;

export interface ClientOptions {
  readonly server: string;
  /** "" for none. */
  readonly token: string;
}

export interface Call {
  /** `GET` by default. */
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  /** With a leading slash; it is laid below the server's own path. */
  readonly path: string;
  /** Pairs whose value is undefined are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** 10 s by default. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What the service says when it refuses. */
export interface Refusal {
  /** One line. */
  readonly message: string;
  /** Places in the body that was sent. */
  readonly problems: readonly { readonly line: number; readonly column: number; readonly message: string }[];
}

const refusalSchema = z.object({
  title: z.string(),
  detail: z.string(),
  problems: z.array(z.object({ line: z.number(), column: z.number(), message: z.string() })).default([]),
});

/**
 * Asks the service for JSON of the given shape.
 * @throws UserError with one line for a service that is away, refuses, or answers something else.
 */
export async function getJson<Schema extends z.ZodType>(
  options: ClientOptions,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const answer = await call(options, { path, query });
  const href = urlOf(options, { path, query }).href;
  if (!answer.ok) throw new UserError(`Cannot get ${href}: ${refusalOf(answer).message}`);
  return readJson(answer, href, schema);
}

/**
 * The answer's JSON.
 * @throws UserError when it has another shape.
 */
export function readJson<Schema extends z.ZodType>(answer: Answer, href: string, schema: Schema): z.output<Schema> {
  const read = schema.safeParse(parseJson(answer.text));
  if (read.success) return read.data;
  throw new UserError(`Cannot get ${href}: what answers there is no Metric-Service of this version`);
}

/**
 * Sends one request, whatever the service makes of it.
 * @throws UserError when there is no answer.
 */
export async function call(options: ClientOptions, request: Call): Promise<Answer> {
  const { method = "GET", body, timeoutMs = timeoutMsDefault } = request;
  const headers: Record<string, string> = { ...request.headers };
  if (options.token !== "") headers["authorization"] = `Bearer ${options.token}`;
  try {
    const response = await fetch(urlOf(options, request), {
      method,
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return { ok: response.ok, status: response.status, headers: response.headers, text };
  } catch (error) {
    const why = `${reasonOf(error, timeoutMs)}; is it running? choose another with --server`;
    throw new UserError(`Cannot reach the service at ${options.server}: ${why}`, { cause: error });
  }
}

/** Why the service refused, in its own words where it has any. */
export function refusalOf({ status, text }: Answer): Refusal {
  const read = refusalSchema.safeParse(parseJson(text));
  if (!read.success) return { message: `HTTP ${status}`, problems: [] };
  const { title, detail, problems } = read.data;
  const shown = problems.map((one) => ({ ...one, message: printable(one.message) }));
  return { message: printable(`${title}: ${detail}`), problems: shown };
}

function urlOf({ server }: ClientOptions, { path, query = {} }: Call): URL {
  const url = new URL(server.replace(/\/+$/, "") + path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  return causeMessageOf(error).replaceAll("\n", " ");
}
