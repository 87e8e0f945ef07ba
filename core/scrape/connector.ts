import { isIP } from "node:net";
import { buildConnector } from "undici";
import type { Clock } from "../runtime/env.ts";
import type { ScrapeAccess } from "./access.ts";
import { DeniedAddressError } from "./address_rules.ts";
import type { TlsMaterial } from "./credentials.ts";
import { openTunnel } from "./tunnel.ts";

export interface ConnectorOptions {
  readonly addresses: ScrapeAccess["addresses"];
  readonly tls: TlsMaterial;
  /** What the certificate must name; by default the host that is connected. */
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
  /** `http://host:port`; "" without one. */
  readonly proxy: string;
  /** For each of TCP, the proxy's answer and TLS: the caller's deadline over all of them is shorter. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** How undici comes to a connection: addresses checked, through the proxy if there is one, with TLS 1.2 or newer. */
export function makeConnector(options: ConnectorOptions): buildConnector.connector {
  const { addresses, tls, serverName, insecureSkipVerify, proxy, timeoutMs, clock } = options;
  const { ca, certificate, key } = tls;
  const direct = buildConnector({
    // A name is looked up here, so that the address that is checked is the one that is connected to.
    lookup: addresses.lookup,
    timeout: timeoutMs,
    allowH2: false,
    minVersion: "TLSv1.2",
    rejectUnauthorized: !insecureSkipVerify,
    ...ca === undefined ? {} : { ca },
    ...certificate === undefined || key === undefined ? {} : { cert: certificate, key: key.reveal() },
  });
  return (target, callback) => {
    const host = target.hostname.replace(/^\[|\]$/g, "");
    const denied = addresses.problem(host);
    if (denied !== null) {
      callback(new DeniedAddressError(denied), null);
      return;
    }
    // undici would take the name from a Host header; whom to trust is no matter of a header.
    const servername = serverName ?? (isIP(host) === 0 ? host : undefined);
    const { servername: _, ...rest } = target;
    const wanted = { ...rest, ...servername === undefined ? {} : { servername } };
    if (proxy === "") {
      direct(wanted, callback);
      return;
    }
    const isTls = target.protocol === "https:";
    const port = target.port === "" ? (isTls ? 443 : 80) : Number(target.port);
    openTunnel({ proxy, target: { host, port }, rules: addresses, timeoutMs, clock }).then(
      (httpSocket) => isTls ? direct({ ...wanted, httpSocket }, callback) : callback(null, httpSocket),
      (error: Error) => callback(error, null),
    );
  };
}
