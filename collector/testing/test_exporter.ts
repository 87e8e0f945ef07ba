import { encodeFrame, type Frame, FrameType } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import { decodeHello, encodeWelcome, type Hello } from "../../core/protocol/session.ts";
import { decodeShape, type Shape } from "../../core/protocol/shape.ts";
import type { Connection } from "../../core/runtime/env.ts";
import { formatAddress, systemNetwork } from "../../core/runtime/system_net.ts";
import { type ReadSample, readScrapes } from "./expositions.ts";

/** An exporter's end of the protocol on loopback, which keeps every sample in memory. */
export interface TestExporter {
  readonly address: string;
  readonly hellos: readonly Hello[];
  readonly samples: readonly ReadSample[];
  /** While false nothing is acknowledged. */
  acknowledges: boolean;
  /** Resolves when one of the samples, present or to come, is what is looked for. */
  sample(matches: (sample: ReadSample) => boolean): Promise<ReadSample>;
  /** Breaks every connection. */
  drop(): void;
  close(): Promise<void>;
}

export async function startTestExporter(): Promise<TestExporter> {
  const hellos: Hello[] = [];
  const samples: ReadSample[] = [];
  const shapes = new Map<string, Shape>();
  const waiting = new Set<() => void>();
  const take = (frame: Frame, send: (type: number, id: bigint, body?: Uint8Array) => void) => {
    switch (frame.type) {
      case FrameType.hello:
        hellos.push(decodeHello(frame.body));
        send(FrameType.welcome, 0n, encodeWelcome({ windowBytes: 10_000_000, exporter: "test" }));
        break;
      case FrameType.schema:
      case FrameType.target: {
        const shape = decodeShape(frame.body);
        shapes.set(shape.id, shape);
        break;
      }
      case FrameType.scrapes:
        samples.push(...readScrapes(frame.body, shapes));
        for (const check of waiting) check();
        if (exporter.acknowledges) send(FrameType.ack, frame.id);
        break;
      case FrameType.heartbeat:
        send(FrameType.heartbeat, 0n);
        break;
    }
  };
  const connections = new Set<Connection>();
  const listener = await systemNetwork.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    connections.add(connection);
    const reader = new FrameReader();
    const send = (type: number, id: bigint, body: Uint8Array = new Uint8Array(0)) => {
      connection.write(encodeFrame({ type, id, timestampNs: 0n, body }));
    };
    return {
      data: (bytes) => reader.push(bytes, (frame) => take(frame, send)),
      close: () => connections.delete(connection),
    };
  });
  const exporter: TestExporter = {
    address: formatAddress(listener.address),
    hellos,
    samples,
    acknowledges: true,
    sample: (matches) =>
      new Promise((resolve) => {
        const check = () => {
          const found = samples.find(matches);
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
    drop() {
      for (const connection of connections) connection.destroy();
    },
    close: () => listener.close(),
  };
  return exporter;
}
