import * as net from "node:net";
import type { Clock } from "../runtime/env.ts";
import { type AddressRules, DeniedAddressError } from "./address_rules.ts";

/** The way through a proxy could not be made. */
export class ProxyError extends Error {
  override name = "ProxyError";
}

export interface TunnelOptions {
  /** `http://host:port`. */
  readonly proxy: string;
  readonly target: { readonly host: string; readonly port: number };
  readonly rules: AddressRules;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Most bytes of the proxy's answer. */
const answerBytesMax = 8 * 1024;

/**
 * Asks a proxy for a connection to the target by CONNECT (RFC 9110, section 9.3.6). A target's name is resolved here,
 * and the proxy told the address that was checked: it never looks up a name that could lead elsewhere for it.
 * @throws ProxyError, DeniedAddressError, or what connecting and resolving bring.
 */
export async function openTunnel(options: TunnelOptions): Promise<net.Socket> {
  const { proxy, target, rules, timeoutMs, clock } = options;
  const address = await checkedAddress(target.host, rules);
  const url = new URL(proxy);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = net.connect({ host, port: url.port === "" ? 80 : Number(url.port), noDelay: true });
  let cancel = () => {};
  try {
    const late = new Promise<never>((_resolve, reject) => {
      cancel = clock.after(timeoutMs, () => reject(new ProxyError(`proxy ${proxy} did not answer in time`)));
    });
    const place = net.isIPv6(address) ? `[${address}]:${target.port}` : `${address}:${target.port}`;
    await Promise.race([connect(socket, place, proxy), late]);
    return socket;
  } catch (error) {
    socket.on("error", () => socket.destroy()).destroy();
    throw error;
  } finally {
    cancel();
  }
}

function checkedAddress(host: string, rules: AddressRules): Promise<string> {
  const denied = rules.problem(host);
  if (denied !== null) return Promise.reject(new DeniedAddressError(denied));
  if (net.isIP(host) !== 0) return Promise.resolve(host);
  return new Promise((resolve, reject) => {
    rules.lookup(host, {}, (error, address) => {
      if (error === null && typeof address === "string") resolve(address);
      else reject(error ?? new Error(`${host} has no address`));
    });
  });
}

function connect(socket: net.Socket, place: string, proxy: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const settle = (problem: Error | null) => {
      socket.off("data", take).off("error", fail).off("close", closed);
      if (problem !== null) reject(problem);
      else {
        socket.pause();
        resolve();
      }
    };
    const fail = (error: Error) => settle(new ProxyError(`proxy ${proxy}: ${error.message}`, { cause: error }));
    const closed = () => settle(new ProxyError(`proxy ${proxy} closed the connection`));
    const take = (bytes: Uint8Array) => {
      answer += Buffer.from(bytes).toString("latin1");
      const end = answer.indexOf("\r\n\r\n");
      if (end < 0 && answer.length <= answerBytesMax) return;
      const status = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(answer)?.[1];
      if (end < 0 || status === undefined) settle(new ProxyError(`proxy ${proxy} does not speak HTTP`));
      else if (!status.startsWith("2")) settle(new ProxyError(`proxy ${proxy} answered HTTP ${status}`));
      // The target speaks only when it is spoken to.
      else if (answer.length > end + 4) settle(new ProxyError(`proxy ${proxy} sent more than its answer`));
      else settle(null);
    };
    socket.on("data", take).once("error", fail).once("close", closed);
    socket.once("connect", () => socket.write(`CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`));
  });
}
