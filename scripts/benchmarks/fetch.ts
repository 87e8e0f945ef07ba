import { spawn } from "node:child_process";
import { once } from "node:events";
import * as net from "node:net";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Benchmark, Figure } from "./benchmark.ts";

const kinds = ["undici", "plain"] as const;
const framings = ["length", "chunked", "gzip"] as const;
const bodyBytes = [120_000, 10_000] as const;
/** Scrapes that start together: what falls into a slot with 200 targets every 2 s. */
const perSlot = 10;
/** What a plain body of 1,000 series may cost on Node. */
const goalMicroseconds = 100;

/**
 * What fetching costs the fetching process, apart from reading what came: CPU of one scrape by undici and by our own
 * way, on both runtimes. The target, in this process, answers with bytes that are ready.
 */
export const fetchBenchmark: Benchmark = {
  name: "fetch",
  title: `fetching over kept connections, ${perSlot} at once: CPU a scrape`,
  async run(short) {
    const server = await serveAnswers();
    const { port } = server.address() as AddressInfo;
    const figures: Figure[] = [];
    try {
      for (const runtime of ["node", "deno"] as const) {
        for (const bytes of bodyBytes) {
          for (const framing of framings) {
            // One of each runtime shows that it works.
            if (short && (bytes !== bodyBytes[0] || framing !== framings[0])) continue;
            figures.push(await measure(runtime, `127.0.0.1:${port}`, framing, bytes, short));
          }
        }
      }
    } finally {
      server.close();
    }
    return figures;
  },
};

async function measure(
  runtime: "node" | "deno",
  address: string,
  framing: (typeof framings)[number],
  bytes: number,
  short: boolean,
): Promise<Figure> {
  const costs: number[] = [];
  for (const kind of kinds) {
    costs.push(await runLoop(runtime, kind, address, `/${framing}/${bytes}`, short ? 200 : 3000));
  }
  const [undici = NaN, plain = NaN] = costs;
  const hasGoal = runtime === "node" && framing === "length" && bytes === bodyBytes[0];
  return {
    what: `${runtime}, ${bytes / 1000} KB, ${framing}`,
    value: `${plain.toFixed(0).padStart(4)} us, ${(plain * 1000 / bytes).toFixed(2)} ns a byte (undici ${
      undici.toFixed(0)
    } us)`,
    goal: hasGoal ? `< ${goalMicroseconds} us` : "",
    isMet: !hasGoal || plain < goalMicroseconds,
  };
}

/** Microseconds of CPU that a process of its own takes for a scrape. */
async function runLoop(runtime: string, kind: string, address: string, uri: string, scrapes: number): Promise<number> {
  const script = fileURLToPath(new URL("./fetch_loop.ts", import.meta.url));
  const args = [script, kind, address, uri, String(perSlot), "0", String(scrapes)];
  const child = runtime === "deno"
    ? spawn("deno", ["run", "-A", "--no-check", ...args], { stdio: ["ignore", "pipe", "inherit"] })
    : spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (bytes: Uint8Array) => printed += Buffer.from(bytes).toString());
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`Cannot measure fetching on ${runtime}: its process ended with ${String(code)}`);
  return Number(JSON.parse(printed).microseconds);
}

/** Answers `/FRAMING/BYTES` with a body made once. */
async function serveAnswers(): Promise<net.Server> {
  const answers = new Map<string, Uint8Array>();
  for (const bytes of bodyBytes) {
    for (const framing of framings) answers.set(`/${framing}/${bytes}`, makeAnswer(framing, bytes));
  }
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", (request: Uint8Array) => {
      const path = Buffer.from(request).toString("latin1").split(" ", 2)[1] ?? "";
      socket.write(answers.get(path) ?? "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

function makeAnswer(framing: (typeof framings)[number], bytes: number): Uint8Array {
  const body = exposition(bytes);
  const head = (fields: string) =>
    Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n${fields}\r\n\r\n`,
    );
  if (framing === "length") return Buffer.concat([head(`Content-Length: ${body.length}`), body]);
  if (framing === "gzip") {
    const coded = gzipSync(body);
    return Buffer.concat([head(`Content-Encoding: gzip\r\nContent-Length: ${coded.length}`), coded]);
  }
  const parts: Uint8Array[] = [head("Transfer-Encoding: chunked")];
  for (let at = 0; at < body.length; at += 8192) {
    const chunk = body.subarray(at, at + 8192);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Lines of about 120 bytes, as applications have them. */
function exposition(bytes: number): Uint8Array {
  let text = "";
  for (let line = 0; text.length < bytes; line++) {
    const labels = `service="checkout",path="/api/v1/orders/${line % 97}",method="GET",code="200",shard="${line}"`;
    text += `shop_http_requests_total{${labels}} ${line * 7919 % 1_000_003}\n`;
  }
  return Buffer.from(text.slice(0, bytes));
}
