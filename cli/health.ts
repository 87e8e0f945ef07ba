import { Agent, request } from "undici";
import { causeMessageOf, UserError } from "../core/errors.ts";
import { readOptions } from "../core/options.ts";
import { isLoopback } from "../core/runtime/reachable_host.ts";
import { type Output, terminal } from "./group.ts";

const definition = {
  name: "health",
  summary: "Asks a part on this machine whether it is alive, as container engines do; exit code 1 when it is not.",
  positional: "[URL]",
  options: {},
} as const;

/** Where service, exporter and collector are by default. */
const usualUrls = [7070, 7072, 7073].map((port) => `http://127.0.0.1:${port}`);
const timeoutMs = 5000;
const answerBytesMax = 4096;

/**
 * `health [URL]`: asks `/healthz` of the URL, or the URL's own path when it has one; without a URL the first of the
 * three usual ports where something listens. Returns the exit code.
 * @throws UserError when nothing answers, or it does not feel well.
 */
export async function healthCommand(
  argv: readonly string[],
  output: Pick<Output, "print"> = terminal,
  usual: readonly string[] = usualUrls,
): Promise<number> {
  const { positional } = await readOptions(definition, argv, process.env);
  if (positional.length > 1) throw new UserError("Cannot ask several URLs for their health: name one");
  const [given] = positional;
  if (given !== undefined && !/^https?:\/\/./.test(given)) {
    throw new UserError(`Cannot ask "${given}" for its health: it is no URL such as http://127.0.0.1:7070`);
  }
  const failures: string[] = [];
  for (const base of given === undefined ? usual : [given]) {
    const url = new URL(base);
    if (url.pathname === "/") url.pathname = "/healthz";
    const problem = await problemOf(url);
    if (problem === "") {
      output.print(`${url.href} is well\n`);
      return 0;
    }
    failures.push(`Cannot find ${url.href} well: ${problem}`);
  }
  throw new UserError(failures.join("\n"));
}

/** "" for an answer of success. */
async function problemOf(url: URL): Promise<string> {
  // What is asked is this machine's own, by its address: the name in its certificate is another.
  const agent = new Agent({
    connect: { rejectUnauthorized: !isLoopback(url.hostname) },
    maxResponseSize: answerBytesMax,
  });
  try {
    const { statusCode, body } = await request(url, { dispatcher: agent, signal: AbortSignal.timeout(timeoutMs) });
    const text = await body.text();
    return statusCode === 200 ? "" : `HTTP ${statusCode} ${text.trim()}`;
  } catch (error) {
    return causeMessageOf(error);
  } finally {
    await agent.destroy();
  }
}
