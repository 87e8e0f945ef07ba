import { UserError } from "../core/errors.ts";
import type { SocketAddress } from "../core/runtime/env.ts";
import { isLoopback } from "../core/runtime/reachable_host.ts";
import { formatAddress } from "../core/runtime/system_net.ts";

export { isLoopback };

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
