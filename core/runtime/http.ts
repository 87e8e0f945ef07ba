import { serve as serveOnNode } from "@hono/node-server";
import type { Listener, SocketAddress } from "./env.ts";
import { listenError } from "./system_net.ts";

/** An HTTP application: the shape that Hono's `app.fetch` has. */
export type FetchHandler = (request: Request) => Response | Promise<Response>;

interface DenoServer {
  readonly addr: { readonly hostname: string; readonly port: number };
  shutdown(): Promise<void>;
}

interface DenoGlobal {
  serve(
    options: { hostname: string; port: number; signal: AbortSignal; onListen: () => void },
    handler: FetchHandler,
  ): DenoServer;
}

/**
 * Serves `handler` over HTTP until the listener is closed, by the runtime's own server.
 * Port 0 picks a free one; the listener tells which.
 * @throws ListenError when the address cannot be bound.
 */
export async function serveHttp(address: SocketAddress, handler: FetchHandler): Promise<Listener> {
  const deno = (globalThis as { Deno?: DenoGlobal }).Deno;
  return deno === undefined ? await serveNode(address, handler) : serveDeno(deno, address, handler);
}

function serveNode(address: SocketAddress, handler: FetchHandler): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = serveOnNode({ fetch: handler, hostname: address.host, port: address.port }, (bound) => {
      resolve({
        address: { host: address.host, port: bound.port },
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      });
    });
    server.once("error", (error) => reject(listenError(address, error)));
  });
}

function serveDeno(deno: DenoGlobal, address: SocketAddress, handler: FetchHandler): Listener {
  const abort = new AbortController();
  try {
    const options = { hostname: address.host, port: address.port, signal: abort.signal, onListen: () => {} };
    const server = deno.serve(options, handler);
    return {
      address: { host: address.host, port: server.addr.port },
      close() {
        abort.abort();
        return Promise.resolve();
      },
    };
  } catch (error) {
    throw listenError(address, error);
  }
}
