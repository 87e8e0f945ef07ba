import { serve as serveOnNode } from "@hono/node-server";
import { createServer } from "node:https";
import { TLSSocket } from "node:tls";
import type { Listener, PeerIdentity, ServerTls, SocketAddress } from "./env.ts";
import { listenError, renewTls } from "./system_net.ts";
import { peerOf, serverTlsOptions } from "./system_tls.ts";

/** An HTTP application: the shape that Hono's `app.fetch` has. */
export type FetchHandler = (request: Request, bindings?: HttpBindings) => Response | Promise<Response>;

/** What a handler learns besides the request; a type and not an interface, as Hono's own bindings are. */
export type HttpBindings = {
  /** Who sent the request, with mutual TLS; else null or absent. */
  readonly peer?: PeerIdentity | null;
};

interface DenoServer {
  readonly addr: { readonly hostname: string; readonly port: number };
  shutdown(): Promise<void>;
}

interface DenoGlobal {
  serve(
    options: { hostname: string; port: number; signal: AbortSignal; onListen: () => void },
    handler: (request: Request) => Response | Promise<Response>,
  ): DenoServer;
}

/**
 * Serves `handler` over HTTP until the listener is closed, by the runtime's own server; over HTTPS with `tls`, by
 * `node:https` on both runtimes, since Deno's own neither asks for client certificates nor renews its own.
 * Port 0 picks a free one; the listener tells which.
 * @throws ListenError when the address cannot be bound, or the certificate cannot be used.
 */
export async function serveHttp(address: SocketAddress, handler: FetchHandler, tls?: ServerTls): Promise<Listener> {
  const deno = (globalThis as { Deno?: DenoGlobal }).Deno;
  if (deno === undefined || tls !== undefined) return await serveNode(address, handler, tls);
  return serveDeno(deno, address, handler);
}

function serveNode(address: SocketAddress, handler: FetchHandler, tls: ServerTls | undefined): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const base = { hostname: address.host, port: address.port };
    const fetch = (request: Request, { incoming: { socket } }: { incoming: { socket: unknown } }) =>
      handler(request, { peer: tls?.clientCa !== undefined && socket instanceof TLSSocket ? peerOf(socket) : null });
    const server = serveOnNode({ ...base, fetch, ...(tls === undefined ? {} : httpsServer(address, tls)) }, (bound) => {
      resolve({
        address: { host: address.host, port: bound.port },
        renewTls(renewed) {
          if (!("setSecureContext" in server)) throw new Error("Cannot renew the certificate of plain HTTP");
          renewTls(server, tls, renewed);
        },
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

function httpsServer(address: SocketAddress, tls: ServerTls) {
  try {
    return { createServer, serverOptions: serverTlsOptions(tls) };
  } catch (error) {
    throw listenError(address, error);
  }
}

function serveDeno(deno: DenoGlobal, address: SocketAddress, handler: FetchHandler): Listener {
  const abort = new AbortController();
  try {
    const options = { hostname: address.host, port: address.port, signal: abort.signal, onListen: () => {} };
    const server = deno.serve(options, (request) => handler(request, { peer: null }));
    return {
      address: { host: address.host, port: server.addr.port },
      renewTls() {
        throw new Error("Cannot renew the certificate of plain HTTP");
      },
      close() {
        abort.abort();
        return Promise.resolve();
      },
    };
  } catch (error) {
    throw listenError(address, error);
  }
}
