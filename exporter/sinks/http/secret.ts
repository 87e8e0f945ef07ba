import { resolve } from "node:path";
import { z } from "zod";
import { messageOf } from "../../../core/errors.ts";
import type { FileSystem } from "../../../core/runtime/env.ts";

/** Environment variables that `env:NAME` refers to. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What secrets are read from. */
export interface SecretPlaces {
  readonly variables: Variables;
  readonly fs: Pick<FileSystem, "readFile">;
  /** The directory that a relative `file:` starts from. */
  readonly configDir: string;
}

const secretBytesMax = 16 * 1024;
const variable = /^env:[A-Za-z_][A-Za-z0-9_]*$/;

/** A reference to a secret: configurations name secrets and never hold them. */
export const secretReference = z.string().regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, {
  error: "must name an environment variable, as env:NAME, or a file, as file:PATH; "
    + "the secret itself does not belong in a configuration",
});

export function isSecretReference(text: string): boolean {
  return variable.test(text) || text.startsWith("file:");
}

/**
 * The secret that `reference` names; of a file, without the line break at its end. Files are read anew each time, so a
 * secret that changes is noticed.
 * @throws RangeError that names the place and not the content, when there is none or it cannot be a header's value.
 */
export async function readSecret(reference: string, places: SecretPlaces): Promise<string> {
  const isVariable = variable.test(reference);
  const name = reference.slice(reference.indexOf(":") + 1);
  const what = isVariable ? `environment variable "${name}"` : `secret file "${name}"`;
  const value = isVariable ? places.variables[name] ?? "" : await readFile(name, places);
  if (value === "") throw new RangeError(`${what} is ${isVariable ? "not set" : "empty"}`);
  if (value.length > secretBytesMax) throw new RangeError(`${what} is longer than ${secretBytesMax} bytes`);
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw new RangeError(`${what} has a line break, or a character that cannot stand in a header`);
  }
  return value;
}

async function readFile(path: string, { fs, configDir }: SecretPlaces): Promise<string> {
  try {
    return new TextDecoder().decode(await fs.readFile(resolve(configDir, path))).replace(/\r?\n$/, "");
  } catch (error) {
    throw new RangeError(`secret file "${path}" cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
