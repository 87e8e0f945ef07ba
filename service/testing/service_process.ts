import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "../../core/runtime/child.ts";
import { delay } from "../../core/runtime/delay.ts";

const program = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** A temporary folder with `volume`, `data` and logs, and the services that run over it. */
export class ServiceFolder {
  readonly root: string;
  readonly #children: Child[] = [];

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<ServiceFolder> {
    return new ServiceFolder(await mkdtemp(join(tmpdir(), "bcs-metric-service-")));
  }

  /** Starts `bcs-metric service` on a free port, its log in `<name>.log`. */
  start(args: readonly string[] = [], name = "service"): Child {
    const folders = ["--volume", join(this.root, "volume"), "--data", join(this.root, "data")];
    const line = ["service", ...folders, "--listen", "127.0.0.1:0", ...args];
    const child = startChild(program, line, join(this.root, `${name}.log`));
    this.#children.push(child);
    return child;
  }

  log(name = "service"): Promise<string> {
    return readFile(join(this.root, `${name}.log`), "utf8");
  }

  /** Resolves with the first value of `look` that is not undefined. */
  async eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
    const giveUp = AbortSignal.timeout(15_000);
    for (;;) {
      const value = await look();
      if (value !== undefined) return value;
      if (giveUp.aborted) assert.fail(`still waiting; the log says: ${await this.log()}`);
      await delay(20, giveUp);
    }
  }

  /** Resolves with `http://…` once the service is there. */
  async url(): Promise<string> {
    const address = await this.eventually(async () =>
      /"address":"([^"]+)".*"msg":"serving"/.exec(await this.log())?.[1]
    );
    return `http://${address}`;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop(5000)));
    await rm(this.root, { recursive: true });
  }
}
