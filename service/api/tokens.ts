import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { dirname, resolve } from "node:path/posix";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { checkSchema } from "../../core/config/issues.ts";
import { nameProblem } from "../../core/config/names.ts";
import { readYaml } from "../../core/config/yaml.ts";
import { messageOf, UserError } from "../../core/errors.ts";
import type { Clock, FileSystem } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type Identity, roles } from "./auth.ts";

/** Says who sent a request. */
export interface Authenticator {
  /** Whoever the token belongs to; null for one that is not, or no longer, valid. */
  identify(token: string): Identity | null;
  /** Calls back after each change of the tokens. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

export interface TokensDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where `env:NAME` is looked up. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** How often the file, and the files that it names, are looked at. A Secret's symbolic link is followed each time. */
const pollMs = 1000;

/** A shorter one could be guessed. */
const tokenLengthMin = 16;

const namespaceScope = z.string().refine((text) => text === "*" || isNamespace(text), {
  error: 'must be "<clusterId>/<namespace>" or "*"',
});

const entrySchema = z.strictObject({
  name: z.string().min(1).max(253),
  tokenSha256: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: "must be a SHA-256 in 64 hexadecimal digits" })
    .optional(),
  token: z.string().regex(/^(env|file):./, { error: "must be a reference such as env:NAME or file:NAME" }).optional(),
  role: z.enum(roles),
  namespaces: z.array(namespaceScope).optional(),
}).superRefine((entry, context) => {
  if ((entry.tokenSha256 === undefined) === (entry.token === undefined)) {
    context.addIssue({ code: "custom", message: "must have either tokenSha256 or token" });
  }
  const problem = scopeProblem(entry.role, entry.namespaces);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

const fileSchema = z.strictObject({ tokens: z.array(entrySchema).max(10_000) });

interface Token {
  readonly sha256: Uint8Array;
  readonly identity: Identity;
}

/**
 * The bearer tokens of a YAML file, which is read anew when it changes:
 * ```yaml
 * tokens:
 *   - { name: ops, tokenSha256: 9f86…, role: admin }
 *   - { name: shop-team, token: "env:SHOP_TOKEN", role: editor, namespaces: [BCS-K8S-00001/shop] }
 *   - { name: dashboards, token: "file:dashboards.token", role: viewer, namespaces: ["*"] }
 * ```
 * `file:` is relative to the file's folder. While the file is wrong or gone, the last good tokens stay valid, and the
 * log says why.
 */
export class Tokens implements Authenticator {
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
  static async open(path: string, deps: TokensDeps): Promise<Tokens> {
    return new Tokens(path, deps, await load(path, deps));
  }

  identify(token: string): Identity | null {
    const sha256 = sha256Of(token);
    let found: Identity | null = null;
    // Every entry is compared, and each whole, so that the time taken tells nothing.
    for (const known of this.#tokens) if (timingSafeEqual(known.sha256, sha256)) found = known.identity;
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
      const changed = !isDeepStrictEqual(tokens, this.#tokens);
      this.#tokens = tokens;
      this.#problem = "";
      if (!changed) return;
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
  const text = await read(path, deps);
  const yaml = readYaml(text);
  if (!yaml.ok) {
    throw cannotUse(
      path,
      yaml.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`),
    );
  }
  const { value, issues } = checkSchema(fileSchema, yaml.document.value);
  if (value === null) {
    const places = issues.map((issue) => {
      const { line, column } = yaml.document.placeOf(issue.path);
      return `${line}:${column}: ${issue.message}`;
    });
    throw cannotUse(path, places);
  }
  if (value.tokens.length === 0) throw cannotUse(path, ["it holds no token, so that nobody could use the API"]);
  const names = new Set<string>();
  const tokens: Token[] = [];
  for (const entry of value.tokens) {
    if (names.has(entry.name)) throw cannotUse(path, [`two tokens have the name "${entry.name}"`]);
    names.add(entry.name);
    const identity = { name: entry.name, role: entry.role, namespaces: entry.namespaces ?? ["*"] };
    tokens.push({ sha256: await hashOf(entry, path, deps), identity });
  }
  return tokens;
}

async function hashOf(entry: z.output<typeof entrySchema>, path: string, deps: TokensDeps): Promise<Uint8Array> {
  if (entry.tokenSha256 !== undefined) return Buffer.from(entry.tokenSha256, "hex");
  const reference = entry.token ?? "";
  const name = reference.slice(reference.indexOf(":") + 1);
  const secret = reference.startsWith("env:")
    ? deps.environment[name] ?? ""
    : (await read(resolve(dirname(path), name), deps)).trimEnd();
  if (secret.length >= tokenLengthMin) return sha256Of(secret);
  const why = secret === "" ? "is empty or not set" : `has fewer than ${tokenLengthMin} characters`;
  throw cannotUse(path, [`the token "${entry.name}", ${reference}, ${why}`]);
}

async function read(path: string, deps: TokensDeps): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await deps.fs.readFile(path));
  } catch (error) {
    throw new UserError(`Cannot read tokens file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function cannotUse(path: string, problems: readonly string[]): UserError {
  return new UserError(`Cannot use tokens file "${path}": ${problems.join("; ")}`);
}

function scopeProblem(role: Identity["role"], namespaces: readonly string[] | undefined): string | null {
  if (role === "admin") {
    const all = namespaces === undefined || namespaces.includes("*");
    return all ? null : "an admin has all namespaces; leave them out, or make it an editor";
  }
  if (namespaces === undefined || namespaces.length === 0) return `a token with role ${role} needs namespaces`;
  if (role !== "collector" || (namespaces.length === 1 && namespaces[0] !== "*")) return null;
  return "a collector's token is for exactly one namespace";
}

function isNamespace(text: string): boolean {
  const names = text.split("/");
  return names.length === 2 && names.every((name) => nameProblem(name) === null);
}

function sha256Of(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
