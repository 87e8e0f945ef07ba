import { encodeFrame } from "../../../core/protocol/frame.ts";
import { FrameReader } from "../../../core/protocol/frame_reader.ts";
import type { Connection, ConnectionHandlers, ServerTls } from "../../../core/runtime/env.ts";
import { formatAddress, systemNetwork } from "../../../core/runtime/system_net.ts";
import type { ModelExporter } from "./model_exporter.ts";

export interface ModelListener {
  readonly address: string;
  readonly connections: readonly Connection[];
  renewTls(tls: ServerTls): void;
  close(): Promise<void>;
}

/** A loopback socket on a free port whose connections `accept` handles, by default without TLS. */
export async function listenLoopback(
  accept: (connection: Connection, index: number) => ConnectionHandlers,
  tls?: ServerTls,
): Promise<ModelListener> {
  const connections: Connection[] = [];
  const listener = await systemNetwork.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    connections.push(connection);
    return accept(connection, connections.length - 1);
  }, tls);
  return {
    address: formatAddress(listener.address),
    connections,
    renewTls: (renewed) => listener.renewTls(renewed),
    close: () => listener.close(),
  };
}

/**
 * The connection's end of a model exporter that fsyncs after each piece of data. `cutAfterBytes` of data it breaks
 * the connection, wherever in a frame that is.
 */
export function modelHandlers(
  exporter: ModelExporter,
  connection: Connection,
  cutAfterBytes: number = Infinity,
): ConnectionHandlers {
  const reader = new FrameReader();
  let restBytes = cutAfterBytes;
  return {
    data(bytes) {
      if (restBytes <= 0) return;
      reader.push(
        bytes.subarray(0, restBytes),
        (frame) =>
          exporter.receive(frame, (type, id, body = new Uint8Array(0)) => {
            connection.write(encodeFrame({ type, id: BigInt(id), timestampNs: 0n, body }));
          }),
      );
      restBytes -= bytes.length;
      if (restBytes > 0) return exporter.fsync(true);
      exporter.disconnect();
      exporter.fsync(false);
      connection.destroy();
    },
    close() {},
  };
}
