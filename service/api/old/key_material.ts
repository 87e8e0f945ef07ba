import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { messageOf } from "../../../core/errors.ts";
import { Secret } from "../../../core/secrets/secret.ts";
import { OldApiError } from "./envelope.ts";
import type { OldTlsConfig } from "./old_metric.ts";

/** Where keys that old clients send are kept, out of the documents. */
export interface KeyStore {
  /** Makes `file:NAME` lead to the key for the metrics of a namespace. Storing the same again is a success. */
  store(place: { readonly cluster: string; readonly namespace: string }, name: string, key: Secret): Promise<void>;
}

export interface ReferredTls {
  /** With references alone. */
  readonly tls: OldTlsConfig;
  /** The key that came itself, with the name that its reference has; null when none did. */
  readonly key: { readonly name: string; readonly pem: Secret } | null;
}

const reference = /^(env|file|pem):/;

/**
 * Puts references where an old client sent base64 of PEM. A certificate is no secret and stands in its reference; a
 * key gets a name made of its digest, opened when it came with a password.
 *
 * @param keepsKeys whether there is a place for keys.
 * @throws OldApiError `invalidMetric` for what cannot be used, and for a key when there is no place for it.
 */
export function referTls(tls: OldTlsConfig, keepsKeys: boolean): ReferredTls {
  if (!tls.isTLS) return { tls, key: null };
  const key = keyOf(tls, keepsKeys);
  return {
    tls: {
      isTLS: true,
      ca: certificateReference("ca", tls.ca),
      clientCert: certificateReference("clientCert", tls.clientCert),
      clientKey: key === null ? tls.clientKey : `file:${key.name}`,
      clientKeyPwd: "",
    },
    key,
  };
}

/** What an old client gets for a reference: the base64 that it sent, or else the reference. */
export function materialOf(referred: string): string {
  return referred.startsWith("pem:") ? referred.slice("pem:".length) : referred;
}

function certificateReference(field: string, value: string): string {
  if (value === "" || reference.test(value)) return value;
  const text = decode(field, value);
  try {
    new X509Certificate(text);
  } catch (error) {
    throw invalid(field, messageOf(error));
  }
  return `pem:${Buffer.from(text, "utf8").toString("base64")}`;
}

function keyOf({ clientKey, clientKeyPwd }: OldTlsConfig, keepsKeys: boolean): ReferredTls["key"] {
  if (clientKey === "" || reference.test(clientKey)) {
    if (clientKeyPwd === "") return null;
    throw invalid("clientKeyPwd", "let clientKey refer to a key without a password");
  }
  if (!keepsKeys) {
    throw invalid(
      "clientKey",
      "a key is not stored among documents, and this service has no folder of secrets (--secrets); give the key to the "
        + 'collectors as a file, and send a reference to it, such as "file:client.key"',
    );
  }
  const pem = openKey(decode("clientKey", clientKey), clientKeyPwd);
  const digest = createHash("sha256").update(pem).digest("hex").slice(0, 32);
  return { name: `old-api/${digest}.pem`, pem: new Secret(pem) };
}

function openKey(pem: string, password: string): string {
  try {
    const key = createPrivateKey({ key: pem, ...password === "" ? {} : { passphrase: password } });
    return String(key.export({ type: "pkcs8", format: "pem" }));
  } catch {
    // What the parser says of a key may quote it.
    throw invalid("clientKey", "it cannot be read, or not with clientKeyPwd");
  }
}

function decode(field: string, value: string): string {
  const text = Buffer.from(value, "base64").toString("utf8");
  if (text.includes("-----BEGIN ")) return text;
  throw invalid(field, 'expected base64 of PEM, or a reference such as "file:ca.pem"');
}

function invalid(field: string, why: string): OldApiError {
  return new OldApiError("invalidMetric", `tlsConfig.${field}: ${why}`);
}
