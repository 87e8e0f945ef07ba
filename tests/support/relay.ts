import type { Connection, SocketAddress } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";

/** A way to a server that a test can cut, and hold up. */
export class Relay {
  readonly address: SocketAddress;
  readonly #close: () => Promise<void>;
  readonly #ends = new Set<Connection>();
  #waiting: (() => void)[] | null = null;

  private constructor(address: SocketAddress, close: () => Promise<void>) {
    this.address = address;
    this.#close = close;
  }

  static async open(to: SocketAddress): Promise<Relay> {
    const opened = Promise.withResolvers<Relay>();
    const listener = await systemEnv.net.listen({ host: "127.0.0.1", port: 0 }, (inward) => {
      const pending: Uint8Array[] = [];
      let outward: Connection | null = null;
      void opened.promise.then((relay) => {
        relay.#ends.add(inward);
        relay.#whenOpen(() => {
          outward = relay.#forward(inward, to);
          for (const bytes of pending) outward.write(bytes);
        });
      });
      return {
        data: (bytes) => void (outward === null ? pending.push(bytes.slice()) : outward.write(bytes.slice())),
        close: () => outward?.destroy(),
      };
    });
    const relay = new Relay(listener.address, () => listener.close());
    opened.resolve(relay);
    return relay;
  }

  /** Ends what is connected, and holds up what connects from now on until {@link release}. */
  cut(): void {
    this.#waiting ??= [];
    for (const end of this.#ends) end.destroy();
    this.#ends.clear();
  }

  release(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const go of waiting) go();
  }

  async close(): Promise<void> {
    this.cut();
    await this.#close();
  }

  #whenOpen(go: () => void): void {
    if (this.#waiting === null) go();
    else this.#waiting.push(go);
  }

  #forward(inward: Connection, to: SocketAddress): Connection {
    const outward = systemEnv.net.connect(to, {
      data: (bytes) => void inward.write(bytes.slice()),
      close: () => inward.destroy(),
    });
    this.#ends.add(outward);
    return outward;
  }
}
