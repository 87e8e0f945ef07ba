import { messageOf, UserError } from "../errors.ts";
import type { Clock, FileSystem } from "../runtime/env.ts";
import { Polled } from "../runtime/polled.ts";
import type { Logger } from "../telemetry/log.ts";

const pollMs = 5000;

/** The token that a process shows to others; it may change while the process runs. */
export interface Token {
  current(): string;
  close(): void;
}

export interface OwnTokenDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
  readonly log: Logger;
  /** The option that it was given by. Default `--token`. */
  readonly flag?: string;
}

/**
 * The token that `text` is, or refers to: `env:NAME`, or `file:PATH`, which is read again every 5 s; a file that cannot
 * be read later leaves the token as it was.
 * @throws UserError when there is nothing where it refers to.
 */
export async function openToken(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  deps: OwnTokenDeps,
): Promise<Token> {
  const { fs, clock, log, flag = "--token" } = deps;
  if (text.startsWith("env:")) {
    const token = environment[text.slice(4)];
    if (token === undefined || token === "") throw new UserError(`Cannot use ${flag} "${text}": it is not set`);
    return { current: () => token, close() {} };
  }
  if (!text.startsWith("file:")) return { current: () => text, close() {} };
  const read = async () => {
    const token = new TextDecoder().decode(await fs.readFile(text.slice(5))).trim();
    if (token === "") throw new Error("the file is empty");
    return token;
  };
  try {
    const token = await Polled.open(read, { clock, log, everyMs: pollMs, keptMessage: "the token stays as it was" });
    return { current: () => token.value, close: () => token.close() };
  } catch (error) {
    throw new UserError(`Cannot use ${flag} "${text}": ${messageOf(error)}`, { cause: error });
  }
}
