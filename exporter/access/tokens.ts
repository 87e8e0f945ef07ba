import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { dirname, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { checkSchema } from "../../core/config/issues.ts";
import { readYaml } from "../../core/config/yaml.ts";
import { messageOf, UserError } from "../../core/errors.ts";
import type { Clock, FileSystem } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type Grant, roles, type TokenSource } from "./access.ts";
import { isNamespaceScope } from "./scope.ts";

export interface TokensDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where `env:NAME` is looked up. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** How often the file, and the files that it names, are looked at. A Secret's symbolic link is followed each time. */
const pollMs = 1000;

/** A shorter one could be guessed. */
const tokenLengthMin = 16;

const entrySchema = z.strictObject({
  name: z.string().min(1).max(253),
  tokenSha256: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: "must be a SHA-256 in 64 hexadecimal digits" })
    .optional(),
  token: z.string().regex(/^(env|file):./, { error: "must be a reference such as env:NAME or file:NAME" }).optional(),
  role: z.enum(roles).default("collector"),
  namespaces: z.array(
    z.string().refine((text) => text === "*" || isNamespaceScope(text), {
      error: 'must be "<clusterId>/<namespace>", "<clusterId>/*" or "*"',
    }),
  ).optional(),
  dataIds: z.array(z.int().min(1)).optional(),
}).superRefine((entry, context) => {
  if ((entry.tokenSha256 === undefined) === (entry.token === undefined)) {
    context.addIssue({ code: "custom", message: "must have either tokenSha256 or token" });
  }
  if (entry.role !== "admin" && (entry.namespaces ?? []).length === 0) {
    context.addIssue({ code: "custom", message: `a token with role ${entry.role} needs namespaces` });
  }
});

const fileSchema = z.strictObject({ tokens: z.array(entrySchema).min(1).max(10_000) });

interface Token {
  readonly sha256: Uint8Array;
  readonly grant: Grant;
}

/**
 * The tokens of a YAML file, which is read anew when it changes; docs/tls.md has its form. While the file is wrong or
 * gone, the last good tokens stay valid, and the log says why.
 */
export class TokenFile implements TokenSource {
  readonly #path: string;
  readonly #deps: TokensDeps;
  readonly #listeners = new Set<() => void>();
  #tokens: readonly Token[];
  #problem = "";
  #closed = false;
  #cancel: () => void = () => {};

  private constructor(path: string, deps: TokensDeps, tokens: readonly Token[]) {
    this.#path = path;
    this.#deps = deps;
    this.#tokens = tokens;
    this.#schedule();
  }

  /** @throws UserError when the file cannot be used. */
  static async open(path: string, deps: TokensDeps): Promise<TokenFile> {
    return new TokenFile(path, deps, await load(path, deps));
  }

  find(token: string): Grant | null {
    const sha256 = sha256Of(token);
    let found: Grant | null = null;
    // Every entry is compared, and each whole, so that the time taken tells nothing.
    for (const known of this.#tokens) if (timingSafeEqual(known.sha256, sha256)) found = known.grant;
    return found;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** Reads the file now. */
  async reload(): Promise<void> {
    const { log } = this.#deps;
    try {
      const tokens = await load(this.#path, this.#deps);
      this.#problem = "";
      if (isDeepStrictEqual(tokens, this.#tokens)) return;
      this.#tokens = tokens;
      log.info({ path: this.#path, tokens: tokens.length }, "tokens changed");
      for (const listener of this.#listeners) listener();
    } catch (error) {
      const problem = messageOf(error);
      if (problem !== this.#problem) log.error({ reason: problem }, "the tokens stay as they were");
      this.#problem = problem;
    }
  }

  #schedule(): void {
    this.#cancel = this.#deps.clock.after(pollMs, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    await this.reload();
    if (!this.#closed) this.#schedule();
  }
}

async function load(path: string, deps: TokensDeps): Promise<readonly Token[]> {
  const yaml = readYaml(await read(path, deps));
  if (!yaml.ok) throw cannotUse(path, yaml.problems);
  const { value, issues } = checkSchema(fileSchema, yaml.document.value);
  if (value === null) {
    throw cannotUse(path, issues.map(({ path: at, message }) => ({ ...yaml.document.placeOf(at), message })));
  }
  const names = new Set<string>();
  const tokens: Token[] = [];
  for (const entry of value.tokens) {
    if (names.has(entry.name)) {
      throw new UserError(`Cannot use tokens file "${path}": two have the name "${entry.name}"`);
    }
    names.add(entry.name);
    const { name, role, namespaces = ["*"], dataIds = null } = entry;
    tokens.push({ sha256: await hashOf(entry, path, deps), grant: { name, role, namespaces, dataIds } });
  }
  return tokens;
}

async function hashOf(entry: z.output<typeof entrySchema>, path: string, deps: TokensDeps): Promise<Uint8Array> {
  if (entry.tokenSha256 !== undefined) return Buffer.from(entry.tokenSha256, "hex");
  const reference = entry.token ?? "";
  const name = reference.slice(reference.indexOf(":") + 1);
  const secret = reference.startsWith("env:")
    ? deps.variables[name] ?? ""
    : (await read(resolve(dirname(path), name), deps)).trimEnd();
  if (secret.length >= tokenLengthMin) return sha256Of(secret);
  const why = secret === "" ? "is empty or not set" : `has fewer than ${tokenLengthMin} characters`;
  throw new UserError(`Cannot use tokens file "${path}": the token "${entry.name}", ${reference}, ${why}`);
}

async function read(path: string, { fs }: TokensDeps): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await fs.readFile(path));
  } catch (error) {
    throw new UserError(`Cannot read tokens file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

interface Problem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

function cannotUse(path: string, problems: readonly Problem[]): UserError {
  const places = problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
  return new UserError(`Cannot use tokens file "${path}": ${places.join("; ")}`);
}

function sha256Of(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
