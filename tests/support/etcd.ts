import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeArguments } from "../../core/options.ts";
import type { SocketAddress } from "../../core/runtime/env.ts";
import { freePort } from "./programs.ts";
import { waitFor } from "./wait.ts";

/** One member of a real etcd, with its data in a temporary folder. */
export class EtcdProgram {
  readonly address: SocketAddress;
  readonly #arguments: readonly string[];
  readonly #folder: string;
  #child: ChildProcess | null = null;
  #ended: Promise<void> = Promise.resolve();
  #log = "";

  private constructor(address: SocketAddress, folder: string, options: readonly string[]) {
    this.address = address;
    this.#folder = folder;
    this.#arguments = options;
  }

  /** Starts a cluster of so many members, and waits until each of them serves. */
  static async start(members = 1): Promise<EtcdProgram[]> {
    const ports = await Promise.all(Array.from({ length: 2 * members }, () => freePort()));
    const peers = ports.slice(members).map((port) => `http://127.0.0.1:${port}`);
    const programs: EtcdProgram[] = [];
    for (const [index, peer] of peers.entries()) {
      const port = ports[index] ?? 0;
      const folder = await mkdtemp(join(tmpdir(), "bcs-metric-etcd-"));
      const client = `http://127.0.0.1:${port}`;
      const values = {
        name: `m${index}`,
        dataDir: folder,
        logger: "zap",
        logLevel: "error",
        listenClientUrls: client,
        advertiseClientUrls: client,
        listenPeerUrls: peer,
        initialAdvertisePeerUrls: peer,
        initialCluster: peers.map((url, other) => `m${other}=${url}`).join(","),
        heartbeatInterval: 50,
        electionTimeout: 500,
      };
      programs.push(new EtcdProgram({ host: "127.0.0.1", port }, folder, writeArguments(values)));
    }
    try {
      await Promise.all(programs.map((program) => program.start()));
    } catch (error) {
      await Promise.all(programs.map((program) => program.remove()));
      throw error;
    }
    return programs;
  }

  /** Starts the member again, on its data. */
  async start(): Promise<void> {
    const child = spawn("etcd", this.#arguments, { stdio: ["ignore", "ignore", "pipe"] });
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
    const { port } = this.address;
    try {
      await waitFor(`etcd on port ${port}`, 20_000, async () => {
        const answer = await this.post("/v3/kv/range", { key: "MA==" }, 2000);
        return answer.ok ? true : null;
      });
    } catch (error) {
      throw new Error(`Cannot start etcd: ${this.#log}`, { cause: error });
    }
  }

  /** Ends the member at once, without a word to its clients. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended;
  }

  /** Stops it in its tracks, its connections left open; `SIGCONT` lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    const pid = this.#child?.pid;
    if (pid !== undefined) process.kill(pid, signal);
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Removes the data of the member, which has been killed. */
  async forget(): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  /** Forgets all revisions before the present one. */
  async compact(): Promise<void> {
    const { header } = await (await this.post("/v3/kv/range", { key: "MA==" })).json() as {
      header: { revision: string };
    };
    const answer = await this.post("/v3/kv/compaction", { revision: header.revision, physical: true });
    if (!answer.ok) throw new Error(`Cannot compact: ${await answer.text()}`);
    await answer.body?.cancel();
  }

  /** Asks the gateway past our own client. */
  async post(path: string, body: object, timeoutMs = 10_000): Promise<Response> {
    const url = `http://127.0.0.1:${this.address.port}${path}`;
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), signal });
    return new Response(await answer.text(), { status: answer.status });
  }
}
