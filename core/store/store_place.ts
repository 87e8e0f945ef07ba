import { nameProblem } from "../config/names.ts";
import { messageOf, UserError } from "../errors.ts";
import type { SocketAddress } from "../runtime/env.ts";
import { parseAddress } from "../runtime/system_net.ts";

/** Where the store is, as `--volume` and `--store` say: one of the two. */
export interface StorePlace {
  /** A folder. */
  readonly volume?: string | undefined;
  /** `etcd://HOST:PORT[,HOST:PORT…][/PREFIX]`. */
  readonly store?: string | undefined;
}

/** Why the options name no store, or more than one, in a line; null when they name one. */
export function placeProblem({ volume, store }: StorePlace): string | null {
  if (volume === undefined && store === undefined) {
    return "Cannot do without --volume (or BCS_METRIC_VOLUME): the volume; or --store (BCS_METRIC_STORE): an etcd";
  }
  return volume !== undefined && store !== undefined
    ? `Cannot use both --volume "${volume}" and --store "${store}": leave one of them out`
    : null;
}

/**
 * Reads `etcd://HOST:PORT[,HOST:PORT…][/PREFIX]`; without a prefix it is etcd's default one.
 * @throws UserError that names the text when it is something else.
 */
export function parseStoreUrl(
  text: string,
): { readonly endpoints: readonly SocketAddress[]; readonly prefix?: string } {
  const expected = "expected etcd://HOST:PORT[,HOST:PORT][/PREFIX], such as etcd://127.0.0.1:2379";
  const match = /^etcd:\/\/([^/]+)(?:\/(.*))?$/.exec(text);
  if (match === null) throw new UserError(`Cannot use the store "${text}": ${expected}`);
  const [, addresses = "", prefix = ""] = match;
  let endpoints: SocketAddress[];
  try {
    endpoints = addresses.split(",").map(parseAddress);
  } catch (error) {
    throw new UserError(`Cannot use the store "${text}": ${messageOf(error)}`, { cause: error });
  }
  const names = prefix.replace(/\/$/, "");
  if (names === "") return { endpoints };
  for (const name of names.split("/")) {
    const problem = nameProblem(name);
    if (problem !== null) throw new UserError(`Cannot use the store "${text}": "${name}" in its prefix ${problem}`);
  }
  return { endpoints, prefix: `${names}/` };
}
