import { createPrivateKey } from "node:crypto";
import { messageOf } from "../errors.ts";
import { expiryMs, pairProblem } from "../runtime/system_tls.ts";
import { Secret } from "../secrets/secret.ts";
import { SecretError } from "../secrets/secret_source.ts";
import type { ScrapeAccess } from "./access.ts";
import type { ScrapeRequest } from "./request.ts";

/** PEM; the same object as long as nothing changed. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: Secret;
}

export interface Credentials {
  /** Value of the Authorization header; null without one. */
  readonly authorization: Secret | null;
  readonly tls: TlsMaterial;
}

const noMaterial: TlsMaterial = {};
const noCredentials: Credentials = { authorization: null, tls: noMaterial };

/**
 * Reads what a request's references lead to, anew for each scrape. Certificates and keys that cannot be used, such as
 * a pair that is just being renewed, leave the former ones in use.
 */
export class CredentialReader {
  readonly #request: ScrapeRequest;
  readonly #access: ScrapeAccess;
  #current: { readonly pems: Pems; readonly material: TlsMaterial } | null = null;
  #problem = "";

  constructor(request: ScrapeRequest, access: ScrapeAccess) {
    this.#request = request;
    this.#access = access;
  }

  /** @throws SecretError when something cannot be had, or never could be used. */
  async read(): Promise<Credentials> {
    const { auth, tls } = this.#request;
    if (auth === undefined && tls === undefined) return noCredentials;
    return { authorization: await this.#authorization(), tls: await this.#tls() };
  }

  async #authorization(): Promise<Secret | null> {
    const { auth } = this.#request;
    const { secrets } = this.#access;
    if (auth?.basic !== undefined) {
      const { username, password } = auth.basic;
      const pair = `${username}:${(await secrets.read(password)).reveal()}`;
      return new Secret(`Basic ${Buffer.from(pair, "utf8").toString("base64")}`);
    }
    if (auth?.bearer === undefined) return null;
    const token = (await secrets.read(auth.bearer)).reveal();
    // Anything else would be refused by the HTTP library, or end the header (RFC 6750, section 2.1).
    if (!/^[!-~]+$/.test(token)) throw new SecretError(`Cannot use secret "${auth.bearer}": it is no bearer token`);
    return new Secret(`Bearer ${token}`);
  }

  async #tls(): Promise<TlsMaterial> {
    if (this.#request.tls === undefined) return noMaterial;
    try {
      const pems = await this.#readPems(this.#request.tls);
      if (this.#current === null || !isSame(this.#current.pems, pems)) {
        this.#current = { pems, material: materialOf(pems) };
      }
      this.#problem = "";
    } catch (error) {
      if (!(error instanceof SecretError) || this.#current === null) throw error;
      if (error.message !== this.#problem) this.#access.certificateProblem(this.#request.address, error.message);
      this.#problem = error.message;
    }
    return this.#current.material;
  }

  async #readPems({ ca, certificate, key, keyPassword }: NonNullable<ScrapeRequest["tls"]>): Promise<Pems> {
    const { secrets } = this.#access;
    const read = async (reference: string | undefined) => {
      if (reference?.startsWith("pem:") !== true) return reference === undefined ? null : await secrets.read(reference);
      return new Secret(Buffer.from(reference.slice("pem:".length), "base64").toString("utf8"));
    };
    return {
      ca: await read(ca),
      certificate: await read(certificate),
      key: await read(key),
      keyPassword: await read(keyPassword),
    };
  }
}

/** What was read, as it was read. */
type Pems = Readonly<Record<"ca" | "certificate" | "key" | "keyPassword", Secret | null>>;

function isSame(a: Pems, b: Pems): boolean {
  const keys = ["ca", "certificate", "key", "keyPassword"] as const;
  return keys.every((key) => a[key]?.reveal() === b[key]?.reveal());
}

/** @throws SecretError when it cannot be used. */
function materialOf({ ca, certificate, key, keyPassword }: Pems): TlsMaterial {
  const material: TlsMaterial = {
    ...ca === null ? {} : { ca: ca.reveal() },
    ...certificate === null ? {} : { certificate: certificate.reveal() },
    ...key === null ? {} : { key: openKey(key, keyPassword) },
  };
  checkMaterial(material);
  return material;
}

/** The key without its password, in a form that both runtimes' TLS takes. */
function openKey(key: Secret, password: Secret | null): Secret {
  if (password === null) return key;
  try {
    const opened = createPrivateKey({ key: key.reveal(), passphrase: password.reveal() });
    return new Secret(String(opened.export({ type: "pkcs8", format: "pem" })));
  } catch (error) {
    throw new SecretError("Cannot use the key of tls: it cannot be opened with keyPassword", { cause: error });
  }
}

function checkMaterial({ ca, certificate, key }: TlsMaterial): void {
  if (ca !== undefined) {
    try {
      expiryMs(ca);
    } catch (error) {
      throw new SecretError(`Cannot use the ca of tls: ${messageOf(error)}`, { cause: error });
    }
  }
  if (certificate === undefined || key === undefined) return;
  const problem = pairProblem(certificate, key.reveal());
  if (problem !== null) throw new SecretError(`Cannot use the certificate of tls: ${problem}`);
}
