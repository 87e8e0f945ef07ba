import { messageOf, UserError } from "../../core/errors.ts";
import type { Clock, FileSystem } from "../../core/runtime/env.ts";

/** How the API of a cluster is reached, and as whom. */
export interface ApiAccess {
  /** Base of all paths, without a slash at its end; behind BCS it ends in `/tunnels/clusters/<identifier>`. */
  readonly server: string;
  /** PEM of who may have signed the server's certificate; undefined for those that the runtime trusts. */
  readonly ca?: string | undefined;
  /** PEM, both or neither. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name that the server's certificate must hold instead of its host. */
  readonly serverName?: string | undefined;
  /** False by default. */
  readonly insecureSkipVerify?: boolean | undefined;
  readonly token: TokenSource;
}

/** @throws what `fail` makes of it, unless it is the URL of an API server. */
export function serverBase(server: string, fail: (why: string) => Error): string {
  const url = URL.canParse(server) ? new URL(server) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.username !== "" || url.search !== "") {
    throw fail(`"${server}" is no URL such as https://HOST:6443`);
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** A bearer token that may be another one each time; "" for none. */
export interface TokenSource {
  current(): Promise<string>;
  /** The server has refused the present one: the next is to be read anew. */
  refused(): void;
}

export function fixedToken(token: string): TokenSource {
  return { current: () => Promise.resolve(token), refused() {} };
}

/** How long a token that was read is used; the tokens of service accounts are renewed long before their end. */
const keepMs = 60_000;

/** A token that somebody else renews in a file, such as the kubelet that of a service account. */
export class FileToken implements TokenSource {
  readonly #path: string;
  readonly #deps: { readonly fs: Pick<FileSystem, "readFile">; readonly clock: Clock };
  #token = "";
  #readMs = -Infinity;

  constructor(path: string, deps: { readonly fs: Pick<FileSystem, "readFile">; readonly clock: Clock }) {
    this.#path = path;
    this.#deps = deps;
  }

  /** @throws UserError when the file cannot be read and no token is known. */
  async current(): Promise<string> {
    const { fs, clock } = this.#deps;
    if (clock.monotonicMs() - this.#readMs < keepMs) return this.#token;
    try {
      this.#token = new TextDecoder().decode(await fs.readFile(this.#path)).trim();
      this.#readMs = clock.monotonicMs();
    } catch (error) {
      // While a file is being replaced the former token may still do.
      if (this.#token !== "") return this.#token;
      throw new UserError(`Cannot read token file "${this.#path}": ${messageOf(error)}`, { cause: error });
    }
    return this.#token;
  }

  refused(): void {
    this.#readMs = -Infinity;
  }
}
