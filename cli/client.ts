import { z } from "zod";
import { messageOf, UserError } from "../core/errors.ts";
import { printable } from "./output.ts";

const timeoutMs = 10_000;

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

const problemSchema = z.object({ title: z.string(), detail: z.string() });

/**
 * Asks the service for JSON of the given shape.
 *
 * @param path with a leading slash; it is laid below the server's own path.
 * @param query pairs whose value is undefined are left out.
 * @throws UserError with one line for a service that is away, refuses, or answers something else.
 */
export async function getJson<Schema extends z.ZodType>(
  options: ClientOptions,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const url = new URL(options.server.replace(/\/+$/, "") + path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  const answer = await ask(options, url);
  if (!answer.ok) throw new UserError(`Cannot get ${url.href}: ${refusal(answer)}`);
  const read = schema.safeParse(parseJson(answer.text));
  if (read.success) return read.data;
  throw new UserError(`Cannot get ${url.href}: what answers there is no Metric-Service of this version`);
}

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly text: string;
}

async function ask(options: ClientOptions, url: URL): Promise<Answer> {
  const headers: Record<string, string> = options.token === "" ? {} : { authorization: `Bearer ${options.token}` };
  try {
    const response = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    return { ok: response.ok, status: response.status, text: await response.text() };
  } catch (error) {
    const why = `${reasonOf(error)}; is it running? choose another with --server`;
    throw new UserError(`Cannot reach the service at ${options.server}: ${why}`, { cause: error });
  }
}

function refusal({ status, text }: Answer): string {
  const problem = problemSchema.safeParse(parseJson(text));
  return problem.success ? printable(`${problem.data.title}: ${problem.data.detail}`) : `HTTP ${status}`;
}

/** Undefined for text that is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** fetch says "fetch failed" and hides the reason behind it. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1000} s`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return messageOf(cause).replaceAll("\n", " ");
}
