import { LineBuffer, LineTooLongError } from "../../core/store/etcd_lines.ts";
import {
  ApiClient,
  type ApiClientOptions,
  type ApiRequest,
  type ApiStream,
  parsedAnswer,
} from "../clusters/api_client.ts";
import { ApiError } from "../clusters/api_error.ts";

/** Of an answer, and of a line of a watch. */
const answerBytesMaxDefault = 64 * 1024 * 1024;

/** Speaks with one API server of Kubernetes, directly or through a tunnel of BCS. */
export class KubeClient {
  readonly #api: ApiClient;
  readonly #bytesMax: number;

  /** Answers, and lines of a watch, may have 64 MiB by default. */
  constructor(options: ApiClientOptions) {
    this.#bytesMax = options.answerBytesMax ?? answerBytesMaxDefault;
    this.#api = new ApiClient({ ...options, answerBytesMax: this.#bytesMax });
  }

  /**
   * Asks once, or twice when the first answer is that the token is not valid (any more).
   * @throws ApiError
   */
  request(request: ApiRequest): Promise<unknown> {
    return this.#api.request(request);
  }

  /**
   * The lines of an answer that goes on, each parsed as JSON, until the server or the signal ends it.
   * @throws ApiError
   */
  stream(stream: Omit<ApiStream, "method">): AsyncGenerator {
    const lines = new LineBuffer(this.#bytesMax);
    return this.#api.stream({ method: "GET", ...stream }, function*(chunk) {
      try {
        for (const line of lines.push(chunk)) yield parsedAnswer(line);
      } catch (error) {
        throw error instanceof LineTooLongError ? new ApiError(error.message, { cause: error }) : error;
      }
    });
  }

  close(): Promise<void> {
    return this.#api.close();
  }
}
