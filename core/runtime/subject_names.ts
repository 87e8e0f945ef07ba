import type { PeerIdentity } from "./env.ts";

const tag = { sequence: 0x30, objectId: 0x06, octets: 0x04, extensions: 0xa3, dnsName: 0x82, uri: 0x86 } as const;

/** 2.5.29.17 */
const subjectAltName = "551d11";

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * The DNS names and URIs among a certificate's subject alternative names (RFC 5280, section 4.2.1.6). They are read
 * from the DER itself: the text that the runtimes make of them quotes in two ways, and somebody's identity rests on
 * them. Empty when there are none.
 * @throws RangeError when it is not DER.
 */
export function subjectNames(certificate: Uint8Array): PeerIdentity {
  const names: string[] = [];
  const uris: string[] = [];
  for (const name of alternatives(certificate)) {
    const text = new TextDecoder().decode(name.content);
    if (name.tag === tag.dnsName) names.push(text);
    if (name.tag === tag.uri) uris.push(text);
  }
  return { names, uris };
}

/** Certificate > body > extensions > the one with the names > octets > sequence. */
function alternatives(certificate: Uint8Array): Element[] {
  const [body] = elements(first(certificate).content);
  const fields = elements(body?.content ?? new Uint8Array(0));
  const wrapped = fields.find((field) => field.tag === tag.extensions);
  if (wrapped === undefined) return [];
  for (const extension of elements(first(wrapped.content).content)) {
    const parts = elements(extension.content);
    const [id] = parts;
    const value = parts.at(-1);
    if (id === undefined || value === undefined || id.tag !== tag.objectId || value.tag !== tag.octets) continue;
    if (hex(id.content) === subjectAltName) return elements(first(value.content).content);
  }
  return [];
}

function first(bytes: Uint8Array): Element {
  const [element] = elements(bytes);
  if (element?.tag !== tag.sequence) throw new RangeError("Cannot read certificate: a sequence was expected");
  return element;
}

function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const kind = bytes[offset] ?? 0;
    let length = bytes[offset + 1] ?? 0;
    offset += 2;
    if (length >= 0x80) {
      let lengthBytes = length & 0x7f;
      if (lengthBytes === 0 || lengthBytes > 3) throw new RangeError("Cannot read certificate: a length is not DER");
      for (length = 0; lengthBytes > 0; lengthBytes--) length = length * 256 + (bytes[offset++] ?? 0);
    }
    if (offset + length > bytes.length) throw new RangeError("Cannot read certificate: it is cut off");
    found.push({ tag: kind, content: bytes.subarray(offset, offset + length) });
    offset += length;
  }
  return found;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
