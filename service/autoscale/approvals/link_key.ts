import { Buffer } from "node:buffer";
import { z } from "zod";
import { messageOf, UserError } from "../../../core/errors.ts";
import { parseJson } from "../../../core/json.ts";
import type { FileSystem, Random } from "../../../core/runtime/env.ts";
import { Secret } from "../../../core/secrets/secret.ts";
import { RevisionConflictError, type Store, systemPrefix } from "../../../core/store/store.ts";

/** Where the key lies that no file gives. Whoever writes the store decides what is approved anyway. */
export const linkKeyPath = `${systemPrefix}approval-key.json`;

const keyBytes = 32;
/** A shorter one could be guessed. */
const keyLengthMin = 32;

const keySchema = z.object({ key: z.string().min(keyLengthMin) });

/**
 * The key of a file, which all services of a store have to share.
 * @throws UserError when there is none in it.
 */
export async function readLinkKey(path: string, fs: Pick<FileSystem, "readFile">): Promise<Secret> {
  let text: string;
  try {
    text = new TextDecoder().decode(await fs.readFile(path)).trim();
  } catch (error) {
    throw new UserError(`Cannot use --approval-key-file "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (text.length >= keyLengthMin) return new Secret(text);
  throw new UserError(`Cannot use --approval-key-file "${path}": a key has at least ${keyLengthMin} characters`);
}

/**
 * The key in the store, made once when there is none: of several services that begin together one makes it.
 * @throws the errors of the store, and an Error for an entry that holds no key.
 */
export async function storedLinkKey(store: Pick<Store, "get" | "put">, random: Random): Promise<Secret> {
  const present = await store.get(linkKeyPath);
  if (present !== null) return keyIn(present.text);
  const key = Buffer.from(random.bytes(keyBytes)).toString("hex");
  try {
    await store.put(linkKeyPath, `${JSON.stringify({ key })}\n`, null);
    return new Secret(key);
  } catch (error) {
    if (!(error instanceof RevisionConflictError)) throw error;
    return keyIn((await store.get(linkKeyPath))?.text ?? "");
  }
}

function keyIn(text: string): Secret {
  const read = keySchema.safeParse(parseJson(text));
  if (read.success) return new Secret(read.data.key);
  throw new Error(`Cannot use the key in "${linkKeyPath}": remove the entry, and a new one is made`);
}
