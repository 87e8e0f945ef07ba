import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import * as net from "node:net";
import type { AddressInfo } from "node:net";

/** A target on loopback for tests. */
export interface TestServer {
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** Connections that were accepted since the start. */
  readonly accepted: () => number;
  close(): Promise<void>;
}

/** An HTTP server on a free port. */
export async function serveTarget(
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<TestServer> {
  const server = createServer(respond);
  return await listen(server);
}

/** A server of raw TCP, for responses that no HTTP library would send. */
export async function serveRaw(accept: (socket: net.Socket) => void): Promise<TestServer> {
  const server = net.createServer((socket) => {
    // A client that gives up resets the connection.
    socket.on("error", () => socket.destroy());
    accept(socket);
  });
  return await listen(server);
}

/** An address on which nothing listens. */
export async function unusedAddress(): Promise<string> {
  const server = await serveRaw(() => {});
  await server.close();
  return server.address;
}

/** Listens on a free port of loopback. */
export async function listen(server: net.Server): Promise<TestServer> {
  const open = new Set<net.Socket>();
  let accepted = 0;
  server.on("connection", (socket: net.Socket) => {
    accepted++;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    accepted: () => accepted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
