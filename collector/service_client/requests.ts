import { messageOf } from "../../core/errors.ts";
import type { HttpAnswer, HttpRequest, ServiceTransport } from "./transport.ts";

/** How long one service may take to answer. */
export const requestMs = 3000;

/** Services that are asked for one request, so that one that hangs does not cost a lease. */
const attemptsMax = 2;

/** Answers that another service may better. */
const transient = new Set([429, 502, 503, 504]);

/** No service answered, or none could do what was asked for. */
export class ServiceUnavailableError extends Error {
  override name = "ServiceUnavailableError";
}

/** A service refused; `status` says why. */
export class ServiceRefusalError extends Error {
  override name = "ServiceRefusalError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Requests to whichever service can answer them. */
export class ServiceRequests {
  readonly #transport: ServiceTransport;
  readonly #services: () => readonly string[];

  /** `services` gives their bases, the best to ask first. */
  constructor(transport: ServiceTransport, services: () => readonly string[]) {
    this.#transport = transport;
    this.#services = services;
  }

  /**
   * Sends the request to the best service, and to the next one when that fails. What is sent must bear being taken
   * twice, since a service may fail after it has taken it.
   * @throws ServiceUnavailableError when none answers, ServiceRefusalError for an answer other than 2xx.
   */
  async send(request: Omit<HttpRequest, "url" | "timeoutMs">): Promise<string> {
    const reasons: string[] = [];
    for (const url of this.#services().slice(0, attemptsMax)) {
      const answer = await this.#try({ ...request, url, timeoutMs: requestMs });
      if (typeof answer === "string") {
        reasons.push(`${url}: ${answer}`);
      } else if (transient.has(answer.status)) {
        reasons.push(`${url}: HTTP ${answer.status}`);
      } else if (answer.status < 200 || answer.status > 299) {
        const what = `Cannot ${request.method} ${url}${request.path}: HTTP ${answer.status}`;
        throw new ServiceRefusalError(what, answer.status);
      } else {
        return answer.text;
      }
    }
    throw new ServiceUnavailableError(`Cannot ${request.method} ${request.path}: ${reasons.join("; ")}`);
  }

  async #try(request: HttpRequest): Promise<HttpAnswer | string> {
    try {
      return await this.#transport.request(request);
    } catch (error) {
      return messageOf(error);
    }
  }
}
