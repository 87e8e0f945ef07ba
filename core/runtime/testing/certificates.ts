import { Buffer } from "node:buffer";
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** DNS names of the subject. */
  readonly names?: readonly string[];
  readonly ips?: readonly string[];
  readonly uris?: readonly string[];
  /** For the client's end of a connection instead of the server's. */
  readonly client?: boolean;
  /** Its time ended yesterday. */
  readonly expired?: boolean;
}

export interface TestCa {
  /** The CA's own certificate, PEM. */
  readonly cert: string;
  issue(options: IssueOptions): KeyPair;
}

/**
 * A certificate authority for tests: X.509 v3, ECDSA on P-256, valid for a day. `node:crypto` reads certificates but
 * makes none, so their DER is put together here (RFC 5280, section 4.1).
 */
export function makeCa(name = "bcs-metric test CA"): TestCa {
  const { privateKey, publicKey } = makeKeys();
  const subject = distinguishedName(name);
  const caExtensions = [
    extension("2.5.29.19", sequence(der(0x01, [0xff])), true),
    extension("2.5.29.15", der(0x03, [1, 0x06]), true),
  ];
  const cert = certificate(
    { subject, issuer: subject, publicKey, extensions: caExtensions, expired: false },
    privateKey,
  );
  return {
    cert,
    issue({ names = [], ips = [], uris = [], client = false, expired = false }) {
      const keys = makeKeys();
      const alternatives = [
        ...names.map((one) => der(0x82, Buffer.from(one))),
        ...uris.map((one) => der(0x86, Buffer.from(one))),
        ...ips.map((one) => der(0x87, ipBytes(one))),
      ];
      const extensions = [
        extension("2.5.29.15", der(0x03, [7, 0x80]), true),
        extension("2.5.29.37", sequence(objectId(client ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1"))),
        extension("2.5.29.17", sequence(...alternatives)),
      ];
      const own = { subject: distinguishedName(client ? "client" : "server"), publicKey: keys.publicKey, expired };
      return {
        cert: certificate({ ...own, issuer: subject, extensions }, privateKey),
        key: String(keys.privateKey.export({ type: "pkcs8", format: "pem" })),
      };
    },
  };
}

interface CertificateFields {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Uint8Array[];
  readonly expired: boolean;
}

function certificate(fields: CertificateFields, signer: KeyObject): string {
  const { subject, issuer, publicKey, extensions, expired } = fields;
  const algorithm = sequence(objectId("1.2.840.10045.4.3.2"));
  const dayMs = 86_400_000;
  const endMs = Date.now() + (expired ? -dayMs : dayMs);
  const validity = sequence(time(endMs - 3 * dayMs), time(endMs));
  const version = der(0xa0, der(0x02, [2]));
  // A leading 1 keeps the serial number positive and of minimal length.
  const serial = der(0x02, [1, ...randomBytes(15)]);
  const wrapped = der(0xa3, sequence(...extensions));
  const body = sequence(version, serial, algorithm, issuer, validity, subject, publicKey, wrapped);
  const signature = der(0x03, Buffer.concat([Uint8Array.of(0), sign("sha256", body, signer)]));
  const base64 = Buffer.from(sequence(body, algorithm, signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n").trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function makeKeys(): { privateKey: KeyObject; publicKey: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { privateKey: createPrivateKey(privateKey), publicKey };
}

function distinguishedName(commonName: string): Uint8Array {
  return sequence(der(0x31, sequence(objectId("2.5.4.3"), der(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  const parts = critical ? [der(0x01, [0xff])] : [];
  return sequence(objectId(id), ...parts, der(0x04, value));
}

/** UTCTime, `YYMMDDhhmmssZ`. */
function time(unixMs: number): Uint8Array {
  return der(0x17, Buffer.from(new Date(unixMs).toISOString().replace(/[-:T]|\.\d+/g, "").slice(2)));
}

function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, bytes);
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(0x30, Buffer.concat(parts));
}

/** Tag, length and content. */
function der(tag: number, content: Uint8Array | readonly number[]): Uint8Array {
  const { length } = content;
  const lengthBytes = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Uint8Array.from([tag, ...lengthBytes, ...content]);
}

function ipBytes(ip: string): number[] {
  if (isIPv4(ip)) return ip.split(".").map(Number);
  const [head = "", tail = ""] = ip.split("::");
  const words = (text: string) => text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(head), words(tail)];
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
  return all.flatMap((word) => [word >> 8, word & 0xff]);
}
