/** A process of its own: the targets. Its parent tells the case, asks for counts, and in the end makes it refuse. */
import { createServer, type Server, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import type { Case } from "./cases.ts";
import { makeExposition, TargetValues } from "./exposition.ts";
import { answerParent } from "./helper.ts";

/** What was answered in full so far. */
export interface FarmCounts {
  readonly scrapes: number;
  /** Of the bodies as they were sent. */
  readonly bodyBytes: number;
}

export interface FarmRequests {
  /** The ports on 127.0.0.1, one for each target. */
  start(of: Case): Promise<readonly number[]>;
  read(): FarmCounts;
  /** From now on no request is answered; answers that are under way are sent to their end. */
  refuse(): void;
}

const endOfRequest = "\r\n\r\n";
let scrapes = 0;
let bodyBytes = 0;
let isRefusing = false;

answerParent<FarmRequests>({
  start: async (of) => {
    const shared = makeExposition(of.seriesPerTarget, "shop0000", of.isChurning);
    const ports: number[] = [];
    for (let index = 0; index < of.targets; index++) {
      const tag = `shop${String(index + 1).padStart(4, "0")}`;
      const exposition = of.isShared ? shared : makeExposition(of.seriesPerTarget, tag, of.isChurning);
      const values = new TargetValues(exposition, seededRandom(index));
      ports.push(await listen(of.isGzip ? compressed(values, of) : () => values.next(), of.isGzip));
    }
    return ports;
  },
  read: () => ({ scrapes, bodyBytes }),
  refuse: () => {
    isRefusing = true;
  },
});

/** Compressed before, or the farm would be slower than what scrapes it: enough for a run, and then again. */
function compressed(values: TargetValues, of: Case): () => Uint8Array {
  const seconds = of.warmUpSeconds + of.measuredSeconds;
  const count = Math.ceil(seconds / of.frequencySeconds) + 2;
  const bodies = Array.from({ length: count }, () => gzipSync(values.next(), { level: 1 }));
  let scrape = 0;
  return () => bodies[scrape++ % count] ?? new Uint8Array(0);
}

/** Returns the port. */
async function listen(next: () => Uint8Array, isGzip: boolean): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => serve(socket, next, isGzip));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return portOf(server);
}

function serve(socket: Socket, next: () => Uint8Array, isGzip: boolean): void {
  let request = "";
  // An agent that goes away in the middle of an answer is none of the farm's business: the scrape was not counted.
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    // Who asks again has read the answer before: nothing that was counted is cut off.
    if (isRefusing) {
      socket.destroy();
      return;
    }
    request += bytes.toString("latin1");
    for (let end = request.indexOf(endOfRequest); end >= 0; end = request.indexOf(endOfRequest)) {
      request = request.slice(end + endOfRequest.length);
      answer(socket, next(), isGzip);
    }
  });
}

function answer(socket: Socket, body: Uint8Array, isGzip: boolean): void {
  socket.cork();
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n${
      isGzip ? "Content-Encoding: gzip\r\n" : ""
    }Content-Length: ${body.length}${endOfRequest}`,
    "latin1",
  );
  socket.write(body, () => {
    if (socket.destroyed) return;
    scrapes++;
    bodyBytes += body.length;
  });
  socket.uncork();
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot tell the port of a target");
  return address.port;
}
