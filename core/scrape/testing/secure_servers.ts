import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions } from "node:https";
import * as net from "node:net";
import type { Duplex } from "node:stream";
import { listen, type TestServer } from "./target_server.ts";

/** An HTTPS server on a free port of loopback. */
export async function serveTlsTarget(
  options: ServerOptions,
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestServer & { readonly setTls: (options: ServerOptions) => void }> {
  const server = createHttpsServer(options, respond);
  // A client that does not trust us ends the handshake.
  server.on("tlsClientError", () => {});
  return { ...await listen(server), setTls: (renewed) => server.setSecureContext(renewed) };
}

/** A proxy that knows CONNECT only. */
export interface TestProxy extends TestServer {
  /** What was asked for, as `host:port`. */
  readonly asked: readonly string[];
}

/** @param answer of the proxy; "" connects and says 200. */
export async function serveProxy(answer = ""): Promise<TestProxy> {
  const asked: string[] = [];
  const server = createHttpServer((_request, response) => void response.writeHead(405).end());
  server.on("connect", (request: IncomingMessage, client: Duplex) => {
    const place = request.url ?? "";
    asked.push(place);
    client.on("error", () => client.destroy());
    if (answer !== "") {
      client.end(answer);
      return;
    }
    const [host = "", port = ""] = place.split(":");
    const target = net.connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(target).pipe(client);
    });
    target.on("error", () => client.destroy());
    client.on("close", () => target.destroy());
  });
  return { ...await listen(server), asked };
}
