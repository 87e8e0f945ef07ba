import { UserError } from "../../core/errors.ts";
import type { Clock, FileSystem, ServerTls, SocketAddress } from "../../core/runtime/env.ts";
import { isLoopback } from "../../core/runtime/reachable_host.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import { type TlsContent, TlsFiles } from "../../core/runtime/tls_files.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { type Access, makeAccess } from "./access.ts";
import { openTokenFile } from "./tokens.ts";

/** The options, as they are given. */
export interface SecurityOptions {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsClientCa: string | undefined;
  readonly tokens: string | undefined;
  readonly oldClients: boolean;
  readonly allowInsecure: boolean;
}

/** How the exporter's two ports are protected. */
export interface Security {
  readonly access: Access;
  /** Null: plain TCP and HTTP. */
  readonly tls: TlsFiles | null;
}

export interface SecurityDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/**
 * Opens the files of tokens and certificates, which are read anew as they change until `opened` is disposed.
 * @throws UserError when they cannot be used, or an address that others reach would be served without protection.
 */
export async function openSecurity(
  options: SecurityOptions,
  addresses: { readonly listen: SocketAddress; readonly http: SocketAddress },
  deps: SecurityDeps,
  opened: AsyncDisposableStack,
): Promise<Security> {
  const { tlsCert, tlsKey, tlsClientCa, tokens, oldClients, allowInsecure } = options;
  if (tlsClientCa !== undefined && tlsCert === undefined) {
    throw new UserError("Cannot use --tls-client-ca without --tls-cert and --tls-key");
  }
  requireProtection(addresses, {
    tokens: tokens !== undefined,
    certificates: tlsClientCa !== undefined,
    allowInsecure,
  });
  const file = tokens === undefined ? null : await openTokenFile(tokens, deps);
  if (file !== null) opened.defer(() => file.close());
  const paths = { cert: tlsCert, key: tlsKey, ca: tlsClientCa };
  const tls = tlsCert === undefined && tlsKey === undefined ? null : await TlsFiles.open(paths, deps);
  if (tls !== null) opened.defer(() => tls.close());
  const access = makeAccess({ tokens: file, clientCertificates: tlsClientCa !== undefined, oldClients });
  if (access.required) return { access, tls };
  for (const [what, address] of Object.entries(addresses)) {
    if (isLoopback(address.host)) continue;
    deps.log.warn({ [what]: formatAddress(address) }, "INSECURE: everybody who reaches this address may use it");
  }
  return { access, tls };
}

/** What TLS listeners are opened with. The HTTP port never asks for client certificates: tokens protect it. */
export function serverTls({ cert, key, ca }: TlsContent, purpose: "frames" | "http"): ServerTls {
  if (cert === undefined || key === undefined) throw new Error("A TLS listener has a certificate and a key");
  return purpose === "frames" && ca !== undefined ? { cert, key, clientCa: ca } : { cert, key };
}

function requireProtection(
  { listen, http }: { readonly listen: SocketAddress; readonly http: SocketAddress },
  { tokens, certificates, allowInsecure }: { tokens: boolean; certificates: boolean; allowInsecure: boolean },
): void {
  if (allowInsecure) return;
  if (!isLoopback(listen.host) && !tokens && !certificates) throw unprotected(listen, "--tokens or --tls-client-ca");
  if (!isLoopback(http.host) && !tokens && !certificates) throw unprotected(http, "--tokens");
}

function unprotected(address: SocketAddress, options: string): UserError {
  return new UserError(
    `Cannot listen on ${formatAddress(address)}: without ${options} only this machine may be served; give one, `
      + `choose 127.0.0.1:${address.port}, or open it to everybody with --allow-insecure`,
  );
}
