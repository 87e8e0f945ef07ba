import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Networks as `ADDRESS/PREFIX`, or single addresses. */
export interface AddressLists {
  /** When there is any, only these are connected to. */
  readonly allow: readonly string[];
  /** Never connected to, whatever `allow` says. */
  readonly deny: readonly string[];
}

/**
 * What is never scraped unless the operator allows a network inside: the link-local networks, and the addresses
 * outside them where clouds serve the metadata and credentials of their machines. A definition could otherwise make a
 * collector fetch them.
 */
const metadataNetworks = ["169.254.0.0/16", "100.100.100.200", "fe80::/10", "fd00:ec2::254"];

/** `0.0.0.0` leads to this machine, by another name than the one that an operator would deny. */
const unspecified = ["0.0.0.0/8", "::"];

/** Which addresses may be connected to. They are asked about the very address that is connected, never its name. */
export class AddressRules {
  readonly #allow: BlockList;
  readonly #allowsAny: boolean;
  readonly #deny: BlockList;
  readonly #metadata = blockList(metadataNetworks);
  readonly #metadataAllowed: BlockList;
  readonly #unspecified = blockList(unspecified);

  /** @throws RangeError that names what is no network. */
  constructor({ allow, deny }: AddressLists = { allow: [], deny: [] }) {
    this.#allow = blockList(allow);
    this.#allowsAny = allow.length === 0;
    this.#deny = blockList(deny);
    this.#metadataAllowed = blockList(allow.filter(isInMetadata));
  }

  /** Why the host must not be connected to, or null for one that may, or that is a name. Brackets are taken off. */
  problem(host: string): string | null {
    const text = host.replace(/^\[|\]$/g, "");
    if (isIP(text) === 0) return null;
    const address = behind(text);
    if (contains(this.#deny, address)) return `${text} is denied by the operator (--deny-targets)`;
    if (contains(this.#unspecified, address)) return `${text} is denied: it is no address of a target`;
    if (contains(this.#metadata, address) && !contains(this.#metadataAllowed, address)) {
      return `${text} is denied: it is link-local or serves a cloud's metadata`;
    }
    if (this.#allowsAny || contains(this.#allow, address)) return null;
    return `${text} is not among the networks that the operator allows (--allow-targets)`;
  }

  /**
   * As `dns.lookup`, but fails for a name with an address that must not be connected to. Whoever connects with it
   * connects to the very addresses that were looked at: a name cannot change in between.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) {
        callback(error ?? new Error(`${hostname} has no address`), "", 0);
        return;
      }
      const reason = addresses.map(({ address }) => this.problem(address)).find((found) => found !== null);
      if (reason !== undefined) callback(new DeniedAddressError(`${hostname} leads to an address: ${reason}`), "", 0);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** A connection was not made, since the address must not be connected to. */
export class DeniedAddressError extends Error {
  override name = "DeniedAddressError";
}

/** Why a text is no network and no address; null when it is one. */
export function networkProblem(text: string): string | null {
  try {
    blockList([text]);
    return null;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const { address, family, prefix } = parseNetwork(text);
    list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
  return list;
}

function parseNetwork(text: string): { address: string; family: number; prefix: number } {
  const match = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = match?.[1] ?? "";
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const prefix = Number(match?.[2] ?? bits);
  if (family === 0 || prefix > bits) {
    throw new RangeError(`Cannot read network "${text}": expected ADDRESS or ADDRESS/PREFIX, such as 10.0.0.0/8`);
  }
  const inner = behind(address);
  return family === 6 && isIP(inner) === 4 && prefix >= 96
    ? { address: inner, family: 4, prefix: prefix - 96 }
    : { address, family, prefix };
}

/** Whether a network lies inside one that is denied by default, so that who allows it means just that. */
function isInMetadata(text: string): boolean {
  const inner = parseNetwork(text);
  return metadataNetworks.some((network) =>
    parseNetwork(network).prefix <= inner.prefix && contains(blockList([network]), inner.address)
  );
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** The IPv4 address behind one of IPv6 that leads to it, mapped or by NAT64, however it is spelled; else itself. */
function behind(address: string): string {
  if (isIP(address) === 4) return address;
  const plain = address.replace(/%.*$/, "");
  const spelled = new URL(`http://[${plain}]`).hostname;
  const mapped = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(spelled);
  const match = mapped ?? /^\[64:ff9b::(?:([0-9a-f]+):)?([0-9a-f]+)\]$/.exec(spelled);
  if (match === null) return plain;
  const high = parseInt(match[1] ?? "0", 16);
  const low = parseInt(match[2] ?? "", 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
