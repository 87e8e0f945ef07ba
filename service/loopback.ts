import { UserError } from "../core/errors.ts";
import type { SocketAddress } from "../core/runtime/env.ts";
import { formatAddress } from "../core/runtime/system_net.ts";

/**
 * Without tokens everybody who reaches the API may use it, so only this machine may reach it.
 * @throws UserError when others could.
 */
export function requireLoopback(address: SocketAddress): void {
  if (isLoopback(address.host)) return;
  throw new UserError(
    `Cannot listen on ${formatAddress(address)}: without tokens only this machine may be served; `
      + `name a file of them with --tokens, or choose 127.0.0.1:${address.port}`,
  );
}

/** Whether a host, as an address or as a URL has it, is this machine's loopback. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
