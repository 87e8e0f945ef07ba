import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/**
 * What is never scraped: the link-local networks, and the addresses outside them where clouds serve the metadata and
 * credentials of their machines. A definition could otherwise make a collector fetch them.
 */
const denied = new BlockList();
denied.addSubnet("169.254.0.0", 16, "ipv4");
denied.addAddress("100.100.100.200", "ipv4");
denied.addSubnet("fe80::", 10, "ipv6");
denied.addAddress("fd00:ec2::254", "ipv6");

/** Why the host must not be connected to, or null for one that may, or that is a name. Brackets are taken off. */
export function deniedAddress(host: string): string | null {
  const address = host.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  if (family === 0 || !isDenied(address, family)) return null;
  return `${address} is denied: it is link-local or serves a cloud's metadata`;
}

/** As `dns.lookup`, but fails for a name that leads to a denied address. */
export const lookupAllowed: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null || first === undefined) {
      callback(error ?? new Error(`${hostname} has no address`), "", 0);
      return;
    }
    const reason = addresses.map(({ address }) => deniedAddress(address)).find((found) => found !== null);
    if (reason !== undefined) callback(new Error(`${hostname} leads to an address that ${reason}`), "", 0);
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

function isDenied(address: string, family: number): boolean {
  if (family === 4) return denied.check(address, "ipv4");
  const mapped = mappedAddress(address);
  return mapped === null ? denied.check(address, "ipv6") : denied.check(mapped, "ipv4");
}

/** The IPv4 address behind `::ffff:a.b.c.d`, however it is spelled; null for any other. */
function mappedAddress(address: string): string | null {
  const spelled = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname;
  const match = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(spelled);
  if (match === null) return null;
  const high = parseInt(match[1] ?? "", 16);
  const low = parseInt(match[2] ?? "", 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}
