import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** Whether a host, as an address or as a URL has it, is this machine's loopback. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The address to tell others: the one that is listened on, or, for "every address", one that is not loopback. */
export function reachableHost(
  host: string,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>> = networkInterfaces(),
): string {
  if (host !== "0.0.0.0" && host !== "::") return host;
  const outward = Object.values(interfaces).flatMap((one) => one ?? []).filter(({ internal }) => !internal);
  const chosen = outward.find(({ family }) => family === "IPv4") ?? (host === "::" ? outward[0] : undefined);
  return chosen?.address ?? "127.0.0.1";
}
