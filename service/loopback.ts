import { UserError } from "../core/errors.ts";
import type { SocketAddress } from "../core/runtime/env.ts";
import { formatAddress } from "../core/runtime/system_net.ts";

/**
 * While there are no tokens everybody who reaches the API may use it, so only this machine may reach it.
 * @throws UserError when others could.
 */
export function requireLoopback(address: SocketAddress): void {
  if (isLoopback(address.host)) return;
  throw new UserError(
    `Cannot listen on ${formatAddress(address)}: there are no tokens yet, so only this machine may be served; `
      + `choose 127.0.0.1:${address.port}`,
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
