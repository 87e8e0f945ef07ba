import type { Dispatcher, Pool } from "undici";
import type { z } from "zod";
import { causeMessageOf, errorCode } from "../../../core/errors.ts";
import { parseJson } from "../../../core/json.ts";
import { OrchestratorError, type OrchestratorErrorKind } from "../orchestrator.ts";

export interface EngineCall {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the version, such as `/containers/json`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** 10 s by default. */
  readonly timeoutMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer whose status says no; the message is the engine's. */
export class EngineRefusal extends OrchestratorError {
  override name = "EngineRefusal";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message, kindOfStatus(status));
    this.status = status;
  }
}

/** That of Docker 20.10; later engines serve it, too. */
const apiVersion = "v1.41";
const timeoutMsDefault = 10_000;
const answerBytesMax = 16 * 1024 * 1024;
const lineBytesMax = 1024 * 1024;

/** The few calls of the Docker Engine API that collectors need. Every answer is bounded in time and bytes. */
export class Engine {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * The answer, as JSON of the given shape.
   * @throws EngineRefusal for a status from 400 on.
   * @throws OrchestratorError when the engine is away, too slow, or answers something else.
   */
  async get<Schema extends z.ZodType>(call: Omit<EngineCall, "method">, schema: Schema): Promise<z.output<Schema>> {
    const text = await this.#call({ ...call, method: "GET" });
    return this.#read(call.path, text, schema);
  }

  /** Like {@link get}, for what changes something. */
  async change<Schema extends z.ZodType>(call: EngineCall, schema: Schema): Promise<z.output<Schema>> {
    return this.#read(call.path, await this.#call(call), schema);
  }

  /** A call whose answer says nothing. `accepted` are refusals that are as good as a success, such as 404. */
  async send(call: EngineCall, accepted: readonly number[] = []): Promise<void> {
    try {
      await this.#call(call);
    } catch (error) {
      if (!(error instanceof EngineRefusal && accepted.includes(error.status))) throw error;
    }
  }

  /**
   * The JSON values of an answer that goes on, one after the other. Ends when the engine does, or with the signal.
   * @param onOpen called once the engine has begun to answer.
   */
  async *stream(call: EngineCall, signal: AbortSignal, onOpen: () => void = () => {}): AsyncGenerator {
    const answer = await this.#request(call, signal);
    if (answer.statusCode >= 400) throw refusalOf(call, answer.statusCode, await readText(answer.body));
    onOpen();
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const chunk of answer.body) {
        rest += decoder.decode(chunk as Uint8Array, { stream: true });
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.trim() !== "") yield parseJson(line);
        if (rest.length > lineBytesMax) {
          throw new OrchestratorError(
            `Cannot read ${call.path}: a line is longer than ${lineBytesMax} bytes`,
            "unavailable",
          );
        }
      }
    } catch (error) {
      throw error instanceof OrchestratorError ? error : awayError(call, error);
    } finally {
      answer.body.destroy();
    }
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #read<Schema extends z.ZodType>(path: string, text: string, schema: Schema): z.output<Schema> {
    const read = schema.safeParse(parseJson(text));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    const where = issue?.path.join(".") ?? "";
    throw new OrchestratorError(
      `Cannot understand what the Docker Engine answers to ${path}: ${where} ${issue?.message ?? ""}`,
      "unavailable",
    );
  }

  async #call(call: EngineCall): Promise<string> {
    const signal = AbortSignal.timeout(call.timeoutMs ?? timeoutMsDefault);
    const answer = await this.#request(call, signal);
    let text: string;
    try {
      text = await readText(answer.body);
    } catch (error) {
      throw error instanceof OrchestratorError ? error : awayError(call, error);
    }
    if (answer.statusCode >= 400) throw refusalOf(call, answer.statusCode, text);
    return text;
  }

  async #request(call: EngineCall, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const query = Object.entries(call.query ?? {}).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]]
    );
    const search = query.length === 0 ? "" : `?${new URLSearchParams(query).toString()}`;
    try {
      return await this.#pool.request({
        method: call.method,
        path: `/${apiVersion}${call.path}${search}`,
        headers: { ...call.body === undefined ? {} : { "content-type": "application/json" }, ...call.headers },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal,
        bodyTimeout: 0,
        headersTimeout: 0,
      });
    } catch (error) {
      throw awayError(call, error);
    }
  }
}

async function readText(body: Dispatcher.ResponseData["body"]): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) {
      body.destroy();
      throw new OrchestratorError(
        `Cannot read the Docker Engine's answer: it is over ${answerBytesMax} bytes`,
        "unavailable",
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refusalOf(call: EngineCall, status: number, text: string): EngineRefusal {
  const json = parseJson(text);
  const said = typeof json === "object" && json !== null && "message" in json ? String(json.message) : text;
  const reason = said.replace(/\s+/g, " ").trim().slice(0, 500);
  return new EngineRefusal(
    `Cannot ${call.method} ${call.path} of the Docker Engine: HTTP ${status}: ${reason}`,
    status,
  );
}

function awayError(call: EngineCall, error: unknown): OrchestratorError {
  const code = errorCode(error);
  const kind = code === "EACCES" || code === "EPERM" ? "forbidden" : "unavailable";
  const slow = error instanceof Error && error.name === "TimeoutError";
  const reason = slow ? "it does not answer in time" : causeMessageOf(error);
  return new OrchestratorError(`Cannot ask the Docker Engine for ${call.path}: ${reason}`, kind, { cause: error });
}

/** 404 is a thing that the wish names and that is not there, such as a network. */
function kindOfStatus(status: number): OrchestratorErrorKind {
  if (status === 401 || status === 403) return "forbidden";
  if (status === 409) return "conflict";
  if (status === 400 || status === 404 || status === 406) return "invalid";
  return "unavailable";
}
