import type { Connection, ServerTls, SocketAddress } from "../../../core/runtime/env.ts";
import { systemEnv } from "../../../core/runtime/system_env.ts";

/** A frame as the pipe got it; the header's fields by their documented offsets. */
export interface GseFrame {
  readonly magic: number;
  readonly type: number;
  readonly dataId: number;
  readonly seconds: number;
  readonly reserved: number;
  readonly body: string;
}

/** A GSE data pipe on loopback, written from the documented protocol: it reads frames and answers nothing. */
export interface GseServer {
  readonly address: SocketAddress;
  readonly frames: GseFrame[];
  connections(): number;
  /** No longer reads, so that what is sent stays in the system's buffers. */
  stall(): void;
  close(): Promise<void>;
}

export async function startGseServer(tls?: ServerTls, port = 0): Promise<GseServer> {
  const frames: GseFrame[] = [];
  const open = new Set<Connection>();
  let connections = 0;
  let stalled = false;
  const accept = (connection: Connection) => {
    connections++;
    open.add(connection);
    if (stalled) connection.pause();
    let pending = Buffer.alloc(0);
    return {
      data(bytes: Uint8Array) {
        pending = readFrames(Buffer.concat([pending, bytes]), frames);
      },
      close: () => void open.delete(connection),
    };
  };
  const listener = await systemEnv.net.listen({ host: "127.0.0.1", port }, accept, tls);
  return {
    address: listener.address,
    frames,
    connections: () => connections,
    stall() {
      stalled = true;
      for (const connection of open) connection.pause();
    },
    close: () => listener.close(),
  };
}

function readFrames(bytes: Buffer<ArrayBuffer>, frames: GseFrame[]): Buffer<ArrayBuffer> {
  let at = 0;
  while (bytes.length - at >= 24) {
    const end = at + 24 + bytes.readUInt32BE(at + 8);
    if (bytes.length < end) break;
    frames.push({
      magic: bytes.readUInt32BE(at),
      type: bytes.readUInt32BE(at + 4),
      dataId: bytes.readUInt32BE(at + 12),
      seconds: bytes.readUInt32BE(at + 16),
      reserved: bytes.readUInt32BE(at + 20),
      body: bytes.toString("utf8", at + 24, end),
    });
    at = end;
  }
  return Buffer.from(bytes.subarray(at));
}
