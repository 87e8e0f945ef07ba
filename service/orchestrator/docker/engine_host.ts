import { readFile } from "node:fs/promises";
import { Pool } from "undici";
import { messageOf, UserError } from "../../../core/errors.ts";

/** Where a Docker Engine listens. */
export interface EngineHost {
  /** `unix:///var/run/docker.sock`, or `tcp://HOST:PORT`. */
  readonly url: string;
  /** Null: no TLS. PEM. */
  readonly tls: Readonly<Partial<Record<"ca" | "cert" | "key", string>>> | null;
}

const connectionsMax = 16;
const connectTimeoutMs = 5000;

/** Null when an engine can be meant by the text; else why not. */
export function engineUrlProblem(url: string): string | null {
  if (/^unix:\/\/\/./.test(url)) return null;
  if (/^tcp:\/\/[^/]+:\d+\/?$/.test(url) && URL.canParse(url)) return null;
  return "must be unix:///PATH or tcp://HOST:PORT";
}

/**
 * @param files paths of PEM files; any of them makes it TLS.
 * @throws UserError when one cannot be read.
 */
export async function readEngineHost(
  url: string,
  files: Readonly<Partial<Record<"ca" | "cert" | "key", string | undefined>>>,
): Promise<EngineHost> {
  const given = Object.entries(files).flatMap(([name, path]) => path === undefined ? [] : [{ name, path }]);
  const texts = await Promise.all(given.map(async ({ name, path }) => [name, await readPem(path)] as const));
  return { url, tls: texts.length === 0 ? null : Object.fromEntries(texts) };
}

/** Connections to the engine, each opened when it is needed. */
export function connectEngine({ url, tls }: EngineHost): Pool {
  const common = { connections: connectionsMax, pipelining: 1 };
  if (url.startsWith("unix://")) {
    const socketPath = url.slice("unix://".length);
    return new Pool("http://docker", { ...common, connect: { socketPath, timeout: connectTimeoutMs } });
  }
  const address = url.slice("tcp://".length).replace(/\/$/, "");
  return new Pool(`${tls === null ? "http" : "https"}://${address}`, {
    ...common,
    connect: { ...tls, timeout: connectTimeoutMs },
  });
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UserError(`Cannot use "${path}" for the Docker Engine: ${messageOf(error)}`);
  }
}
