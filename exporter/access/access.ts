import type { CollectorIdentity } from "../../core/protocol/session.ts";
import type { PeerIdentity } from "../../core/runtime/env.ts";
import { isNamespaceScope } from "./scope.ts";

export const roles = ["admin", "editor", "viewer", "collector"] as const;
export type Role = (typeof roles)[number];

/** What a token or a client certificate allows. */
export interface Grant {
  /** Of the token, or the certificate's URI; for logs. */
  readonly name: string;
  /** A collector sends records; the others, as the service knows them, read what the exporter tells of itself. */
  readonly role: Role;
  /** `<clusterId>/<namespace>`, `<clusterId>/*` or `*`. */
  readonly namespaces: readonly string[];
  /** Data ids that records may have; null for all. */
  readonly dataIds: readonly number[] | null;
}

/** Says who is at the other end, by what was configured and never by what the peer says of itself. */
export interface Access {
  /** False: nobody has to say who they are, and nothing is checked. */
  readonly required: boolean;
  /** Whether clients of the original system, which have no token, are served; those with a certificate always are. */
  readonly oldClients: boolean;
  /** A token decides when there is one, else the certificate does. Null: nobody that is known. */
  identify(token: string, peer: PeerIdentity | null): Grant | null;
  /** Calls back when grants may have changed. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

/** For a listener that only this machine reaches, or one that was opened to everybody on purpose. */
export const openAccess: Access = {
  required: false,
  oldClients: true,
  identify: () => ({ name: "anybody", role: "collector", namespaces: ["*"], dataIds: null }),
  onChange: () => () => {},
};

/** What knows tokens; null when it does not know this one. */
export interface TokenSource {
  find(token: string): Grant | null;
  onChange(listener: () => void): () => void;
}

export interface AccessOptions {
  readonly tokens: TokenSource | null;
  readonly clientCertificates: boolean;
  readonly oldClients: boolean;
}

/** Access as configured; {@link openAccess} when neither tokens nor client certificates are. */
export function makeAccess({ tokens, clientCertificates, oldClients }: AccessOptions): Access {
  if (tokens === null && !clientCertificates) return openAccess;
  return {
    required: true,
    oldClients,
    identify(token, peer) {
      if (token !== "" && tokens !== null) return tokens.find(token);
      return peer === null ? null : certificateGrant(peer);
    },
    onChange: (listener) => tokens?.onChange(listener) ?? (() => {}),
  };
}

/** Whether a grant lets its holder send as this collector. */
export function maySend({ role, namespaces }: Grant, { cluster, namespace }: Omit<CollectorIdentity, "name">): boolean {
  if (role !== "collector" && role !== "admin") return false;
  return ["*", `${cluster}/*`, `${cluster}/${namespace}`].some((scope) => namespaces.includes(scope));
}

/** Whether a grant lets its holder read the status, which concerns all namespaces. */
export function mayRead({ role, namespaces }: Grant): boolean {
  return role === "admin" || (role !== "collector" && namespaces.includes("*"));
}

const uriScheme = "bcs-metric://";

/** The URIs `bcs-metric://<clusterId>/<namespace>` of a certificate's subject; null when it has none. */
function certificateGrant({ uris }: PeerIdentity): Grant | null {
  const own = uris.filter((uri) => uri.startsWith(uriScheme));
  const namespaces = own.map((uri) => uri.slice(uriScheme.length)).filter((scope) => isNamespaceScope(scope));
  const [name] = own;
  if (name === undefined || namespaces.length === 0) return null;
  return { name, role: "collector", namespaces, dataIds: null };
}
