import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { dirname, resolve } from "node:path/posix";
import { z } from "zod";
import { readYamlFile } from "../config/yaml_file.ts";
import { messageOf, UserError } from "../errors.ts";
import type { Clock, FileSystem } from "../runtime/env.ts";
import { Polled } from "../runtime/polled.ts";
import type { Logger } from "../telemetry/log.ts";

export interface TokenFileDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where `env:NAME` is looked up. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** The fields of every token's entry, to which a part adds what the token grants. */
export const tokenFields = {
  name: z.string().min(1).max(253),
  tokenSha256: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: "must be a SHA-256 in 64 hexadecimal digits" })
    .optional(),
  token: z.string().regex(/^(env|file):./, { error: "must be a reference such as env:NAME or file:NAME" }).optional(),
} as const;

export type TokenEntry = z.output<z.ZodObject<typeof tokenFields>>;

/** What the tokens of a part look like, and what each is good for. */
export interface TokenKind<Entry extends TokenEntry, Grant> {
  readonly entry: z.ZodType<Entry>;
  grantOf(entry: Entry): Grant;
}

/** How often the file, and the files that it names, are looked at. */
const pollMs = 1000;

/** A shorter one could be guessed. */
const tokenLengthMin = 16;

interface Token<Grant> {
  readonly sha256: Uint8Array;
  readonly grant: Grant;
}

/**
 * The bearer tokens of a YAML file, which is read anew when it changes:
 * ```yaml
 * tokens:
 *   - { name: ops, tokenSha256: 9f86…, … }
 *   - { name: shop-team, token: "env:SHOP_TOKEN", … }
 *   - { name: dashboards, token: "file:dashboards.token", … }
 * ```
 * `file:` is relative to the file's folder. While the file is wrong or gone, the last good tokens stay valid, and the
 * log says why.
 */
export class TokenFile<Grant> {
  readonly #tokens: Polled<readonly Token<Grant>[]>;

  private constructor(tokens: Polled<readonly Token<Grant>[]>) {
    this.#tokens = tokens;
  }

  /** @throws UserError when the file cannot be used. */
  static async open<Entry extends TokenEntry, Grant>(
    path: string,
    kind: TokenKind<Entry, Grant>,
    deps: TokenFileDeps,
  ): Promise<TokenFile<Grant>> {
    const { clock, log } = deps;
    const tokens = await Polled.open(() => load(path, kind, deps), {
      clock,
      log,
      everyMs: pollMs,
      keptMessage: "the tokens stay as they were",
      tellRenewed: ({ length }) => log.info({ path, tokens: length }, "tokens changed"),
    });
    return new TokenFile(tokens);
  }

  /** What the token is good for; null for one that is not, or no longer, valid. */
  find(token: string): Grant | null {
    const sha256 = sha256Of(token);
    let found: Grant | null = null;
    // Every entry is compared, and each whole, so that the time taken tells nothing.
    for (const known of this.#tokens.value) if (timingSafeEqual(known.sha256, sha256)) found = known.grant;
    return found;
  }

  /** Calls back after each change of the tokens. Returns what ends it. */
  onChange(listener: () => void): () => void {
    return this.#tokens.onChange(listener);
  }

  close(): void {
    this.#tokens.close();
  }

  /** Reads the file now. */
  reload(): Promise<void> {
    return this.#tokens.reload();
  }
}

async function load<Entry extends TokenEntry, Grant>(
  path: string,
  kind: TokenKind<Entry, Grant>,
  deps: TokenFileDeps,
): Promise<readonly Token<Grant>[]> {
  const cannot = (why: string, cause?: unknown) => new UserError(`Cannot use tokens file "${path}": ${why}`, { cause });
  const { tokens: entries } = await readYamlFile(path, fileSchemaOf(kind.entry), deps.fs, cannot);
  const tokens: Token<Grant>[] = [];
  for (const entry of entries) {
    tokens.push({ sha256: await hashOf(entry, path, deps), grant: kind.grantOf(entry) });
  }
  return tokens;
}

function fileSchemaOf<Entry extends TokenEntry>(entry: z.ZodType<Entry>) {
  const checked = entry.superRefine(({ token, tokenSha256 }, context) => {
    if ((tokenSha256 === undefined) !== (token === undefined)) return;
    context.addIssue({ code: "custom", message: "must have either tokenSha256 or token" });
  });
  const error = "holds no token, so that nobody could come in";
  return z.strictObject({
    tokens: z.array(checked).min(1, { error }).max(10_000).superRefine((entries, context) => {
      const names = new Set<string>();
      for (const [index, { name }] of entries.entries()) {
        if (names.has(name)) {
          context.addIssue({ code: "custom", path: [index, "name"], message: `two tokens have the name "${name}"` });
        }
        names.add(name);
      }
    }),
  });
}

async function hashOf(entry: TokenEntry, path: string, deps: TokenFileDeps): Promise<Uint8Array> {
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

async function read(path: string, { fs }: TokenFileDeps): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await fs.readFile(path));
  } catch (error) {
    throw new UserError(`Cannot read tokens file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

function sha256Of(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
