import * as net from "node:net";
import { errorCode, messageOf } from "../errors.ts";
import { type Connection, type ConnectionHandlers, ListenError, type Network, type SocketAddress } from "./env.ts";

/** TCP by `node:net`, which both runtimes have. */
export const systemNetwork: Network = {
  connect(address, handlers) {
    const socket = net.connect({ host: address.host, port: address.port, noDelay: true });
    socket.once("connect", () => handlers.open?.());
    return attach(socket, formatAddress(address), handlers);
  },

  async listen(address, accept) {
    const server = net.createServer({ noDelay: true }, (socket) => {
      const remote = formatAddress({ host: socket.remoteAddress ?? "?", port: socket.remotePort ?? 0 });
      const connection = connectionOf(socket, remote);
      wire(socket, accept(connection));
    });
    const open = new Set<net.Socket>();
    server.on("connection", (socket) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(listenError(address, error)));
      server.listen(address.port, address.host, resolve);
    });
    const bound = server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
    return {
      address: { host: address.host, port },
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of open) socket.destroy();
        }),
    };
  },
};

function attach(socket: net.Socket, remote: string, handlers: ConnectionHandlers): Connection {
  wire(socket, handlers);
  return connectionOf(socket, remote);
}

function wire(socket: net.Socket, handlers: ConnectionHandlers): void {
  let failure: Error | null = null;
  socket.on("error", (error) => failure = error);
  socket.on("data", (bytes) => handlers.data(bytes));
  socket.on("drain", () => handlers.drain?.());
  socket.once("close", () => handlers.close(failure));
}

function connectionOf(socket: net.Socket, remote: string): Connection {
  return {
    remote,
    write: (bytes) => socket.writable && socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/** Turns a failed bind into one line that says what to do. */
export function listenError(address: SocketAddress, cause: unknown): ListenError {
  const where = formatAddress(address);
  const code = errorCode(cause);
  const advice = code === "EADDRINUSE" || (cause instanceof Error && cause.name === "AddrInUse")
    ? "the port is in use; stop what listens there or choose another port"
    : code === "EACCES"
    ? "permission denied; choose a port above 1023 or run with the right to bind it"
    : code === "EADDRNOTAVAIL"
    ? "this machine has no such address; choose one of its own"
    : messageOf(cause);
  return new ListenError(`Cannot listen on ${where}: ${advice}`, { cause });
}

/** `host:port`, with brackets round an IPv6 address. */
export function formatAddress(address: SocketAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * Reads `host:port` or `[v6]:port`.
 * @throws RangeError that names the text when it is not an address or the port is outside 0..65535.
 */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new RangeError(`Cannot read address "${text}": expected HOST:PORT, such as 127.0.0.1:7070`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
