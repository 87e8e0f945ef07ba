import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

interface Request {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly id: number;
  readonly value: unknown;
  /** "" when it succeeded. */
  readonly error: string;
}

type Handler = (...args: never[]) => unknown;
/** What a helper can be asked for. */
type Handlers<T> = { readonly [Name in keyof T]: Handler };

/** In the helper: answers what its parent asks, and ends with its parent. */
export function answerParent<T extends Handlers<T>>(handlers: T): void {
  process.on("message", (message) => void answer(handlers, message as Request));
  process.on("disconnect", () => process.exit(0));
}

async function answer<T extends Handlers<T>>(handlers: T, { id, name, args }: Request): Promise<void> {
  const reply: Answer = await Promise.resolve()
    .then(() => (handlers[name as keyof T] as Handler)(...args as never[]))
    .then(
      (value) => ({ id, value, error: "" }),
      (error: unknown) => ({ id, value: null, error: String(error) }),
    );
  process.send?.(reply);
}

/** In the parent: a process of its own that runs a script of this folder, on the runtime that runs us. */
export class Helper<T extends Handlers<T>> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 0;

  constructor(script: string) {
    this.#process = fork(fileURLToPath(new URL(script, import.meta.url)), { stdio: "inherit" });
    this.#process.on("message", (message) => {
      const { id, value, error } = message as Answer;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === "") waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#process.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${script} ended with code ${code}`));
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async call<Name extends keyof T & string>(
    name: Name,
    ...args: Parameters<T[Name]>
  ): Promise<Awaited<ReturnType<T[Name]>>> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const request: Request = { id, name, args };
    this.#process.send(request);
    return await waiting.promise as Awaited<ReturnType<T[Name]>>;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.disconnect();
    await ended;
  }
}
