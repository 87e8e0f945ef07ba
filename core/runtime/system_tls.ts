import { createPrivateKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type * as tls from "node:tls";
import { messageOf } from "../errors.ts";
import type { ClientTls, PeerIdentity, ServerTls, SocketAddress } from "./env.ts";
import { subjectNames } from "./subject_names.ts";

const minVersion = "TLSv1.2";

/** What `node:tls` needs to connect to `address`. */
export function clientTlsOptions(address: SocketAddress, options: ClientTls): tls.ConnectionOptions {
  const { ca, cert, key, serverName = address.host } = options;
  return {
    minVersion,
    // An address cannot be asked for by name (RFC 6066, section 3); the certificate is checked for it all the same.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

/**
 * What `node:tls` and `node:https` need to serve with the certificate, and with mutual TLS when there is a client CA.
 * @throws Error when certificate and key cannot be used together.
 */
export function serverTlsOptions({ cert, key, clientCa }: ServerTls): tls.TlsOptions & tls.SecureContextOptions {
  const problem = pairProblem(cert, key);
  if (problem !== null) throw new Error(problem);
  if (clientCa === undefined) return { minVersion, cert, key };
  return { minVersion, cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: true };
}

/** Why a certificate and a key, both PEM, are of no use together; null when they are. */
export function pairProblem(cert: string, key: string): string | null {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.checkPrivateKey(createPrivateKey(key)) ? null : "the key is not that of the certificate";
  } catch (error) {
    return `certificate or key cannot be read: ${messageOf(error)}`;
  }
}

/** The end of a certificate's time in Unix milliseconds; that of the first in a chain, which is one's own. */
export function expiryMs(cert: string): number {
  return Date.parse(new X509Certificate(cert).validTo);
}

/** The names in the certificate of a client, which the handshake has verified. */
export function peerOf(socket: tls.TLSSocket): PeerIdentity | null {
  const raw: unknown = socket.getPeerCertificate()?.raw;
  return raw instanceof Uint8Array ? subjectNames(raw) : null;
}
