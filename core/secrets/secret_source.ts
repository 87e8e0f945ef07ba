import { join } from "node:path/posix";
import { errorCode } from "../errors.ts";
import { type Clock, FileMissingError, type FileSystem } from "../runtime/env.ts";
import { Secret } from "./secret.ts";

/** Where references of definitions, `file:NAME` and `env:NAME`, lead to. */
export interface SecretSource {
  /**
   * The secret as it is now: a file that changed counts within {@link secretMaxAgeMs}.
   * @throws SecretError when there is none, or its reference is not allowed.
   */
  read(reference: string): Promise<Secret>;
}

/** A secret cannot be had. The message names the reference, and never what it leads to. */
export class SecretError extends Error {
  override name = "SecretError";
}

/** How long what was read counts, so that a thousand targets with one secret do not read it a thousand times. */
export const secretMaxAgeMs = 2000;

/** A file of a secret with more bytes is refused. */
export const secretBytesMax: number = 256 * 1024;

/** References kept at once; beyond it all are forgotten, and read anew. */
const rememberedMax = 10_000;

export interface LocalSecretsOptions {
  /** Folder of this namespace's files; "" refuses every `file:`. */
  readonly folder: string;
  /** A variable may be named when it begins with one of these; none refuses every `env:`. */
  readonly variablePrefixes: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fs: Pick<FileSystem, "readFile" | "realPath" | "stat">;
  readonly clock: Clock;
}

/**
 * Files of one folder, and environment variables of some prefixes: whoever writes definitions names no other file or
 * variable of this machine. Symbolic links are followed as long as they stay inside the folder, as a mounted Secret's
 * do. Space at the end of a secret is no part of it.
 */
export class LocalSecrets implements SecretSource {
  readonly #options: LocalSecretsOptions;
  readonly #remembered = new Map<string, { readonly atMs: number; readonly secret: Promise<Secret> }>();

  constructor(options: LocalSecretsOptions) {
    this.#options = options;
  }

  read(reference: string): Promise<Secret> {
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#remembered.get(reference);
    if (known !== undefined && nowMs - known.atMs < secretMaxAgeMs) return known.secret;
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    const secret = reference.startsWith("env:")
      ? new Promise<Secret>((resolve) => resolve(this.#variable(reference.slice("env:".length))))
      : this.#file(reference);
    this.#remembered.set(reference, { atMs: nowMs, secret });
    return secret;
  }

  #variable(name: string): Secret {
    const { variablePrefixes, environment } = this.#options;
    if (!variablePrefixes.some((prefix) => name.startsWith(prefix))) {
      throw new SecretError(
        `Cannot use secret "env:${name}": no variable of this name may be used here (--secret-env)`,
      );
    }
    const value = environment[name];
    if (value === undefined || value === "") throw new SecretError(`Cannot use secret "env:${name}": it is not set`);
    return new Secret(value.trimEnd());
  }

  async #file(reference: string): Promise<Secret> {
    const { folder, fs } = this.#options;
    const refuse = (why: string) => new SecretError(`Cannot use secret "${reference}": ${why}`);
    const name = reference.replace(/^file:/, "");
    if (folder === "") throw refuse("there is no folder of secrets here (--secrets)");
    if (name.split("/").some((part) => part === ".." || part === "." || part === "")) {
      throw refuse("no such name can be");
    }
    try {
      const [inside, path] = await Promise.all([fs.realPath(folder), fs.realPath(join(folder, name))]);
      if (!path.startsWith(`${inside}/`)) throw refuse("it leads out of the folder of secrets");
      const stat = await fs.stat(path);
      if (stat !== null && stat.bytes > secretBytesMax) throw refuse(`it has more than ${secretBytesMax} bytes`);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await fs.readFile(path)).trimEnd();
      if (text === "") throw refuse("the file is empty");
      return new Secret(text);
    } catch (error) {
      if (error instanceof SecretError) throw error;
      if (error instanceof FileMissingError) throw refuse("there is no such file among the secrets of its namespace");
      if (error instanceof TypeError) throw refuse("it is no UTF-8");
      throw refuse(`it cannot be read (${errorCode(error)})`);
    }
  }
}

/** For where no secrets are. */
export const noSecrets: SecretSource = {
  read: (reference) => Promise.reject(new SecretError(`Cannot use secret "${reference}": there are no secrets here`)),
};
