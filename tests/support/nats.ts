import { type JetStreamManager, jetstreamManager, type StreamConfig } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./programs.ts";
import { waitFor } from "./wait.ts";

/** A real nats-server with JetStream in a temporary folder. */
export class NatsProgram {
  readonly port: number;
  readonly folder: string;
  readonly #arguments: readonly string[];
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #log = "";
  #own: { readonly connection: NatsConnection; readonly manager: JetStreamManager } | null = null;

  private constructor(port: number, folder: string, options: readonly string[]) {
    this.port = port;
    this.folder = folder;
    this.#arguments = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", join(folder, "js"), ...options];
  }

  static async start(options: readonly string[] = []): Promise<NatsProgram> {
    const folder = await mkdtemp(join(tmpdir(), "bcs-metric-nats-"));
    const program = new NatsProgram(await freePort(), folder, options);
    await program.start();
    return program;
  }

  /** Starts the server again, on its data. */
  async start(): Promise<void> {
    const child = spawn("nats-server", this.#arguments, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    child.stderr.on("data", (bytes: Uint8Array) => {
      this.#log = (this.#log + new TextDecoder().decode(bytes)).slice(-4000);
    });
    this.#ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", (error) => {
        this.#log += error.message;
        resolve();
      });
    });
    try {
      await waitFor(`nats-server on port ${this.port}`, 20_000, async () => (await greets(this.port)) ? true : null);
    } catch (error) {
      throw new Error(`Cannot start nats-server: ${this.#log}`, { cause: error });
    }
  }

  async kill(): Promise<void> {
    await this.#own?.connection.close();
    this.#own = null;
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** For tests to look in; the server asks for no credentials. */
  async manager(): Promise<JetStreamManager> {
    if (this.#own === null) {
      const connection = await connect({ servers: `127.0.0.1:${this.port}`, reconnect: false });
      this.#own = { connection, manager: await jetstreamManager(connection) };
    }
    return this.#own.manager;
  }

  async addStream(config: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
    await (await this.manager()).streams.add(config);
  }

  /** Subject and text of every message of a stream, in its order; none when there is no such stream. */
  async messages(stream: string): Promise<{ readonly subject: string; readonly text: string }[]> {
    const { streams } = await this.manager();
    const names = await streams.names().next();
    if (!names.includes(stream)) return [];
    const { state } = await streams.info(stream);
    const found: { subject: string; text: string }[] = [];
    for (let seq = state.first_seq; state.messages > 0 && seq <= state.last_seq; seq++) {
      const message = await streams.getMessage(stream, { seq });
      if (message !== null) found.push({ subject: message.subject, text: new TextDecoder().decode(message.data) });
    }
    return found;
  }
}

/** Whether somebody says INFO on the port, which every nats-server does at once. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, "127.0.0.1");
    socket.setTimeout(1000, () => socket.destroy());
    socket.once("data", (bytes: Uint8Array) => {
      resolve(new TextDecoder().decode(bytes).startsWith("INFO"));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
