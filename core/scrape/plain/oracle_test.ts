import * as fc from "fast-check";
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { systemEnv } from "../../runtime/system_env.ts";
import { defaultAccess } from "../access.ts";
import type { FetchOutcome } from "../exchange.ts";
import { planRequest } from "../request.ts";
import type { TargetFetcher } from "../target_fetcher.ts";
import { testMetric, testTarget } from "../testing/metrics.ts";
import { serveRaw } from "../testing/target_server.ts";
import { UndiciFetcher } from "../undici_fetcher.ts";
import { PooledBodyMemory } from "./body_memory.ts";
import { PlainFetcher } from "./plain_fetcher.ts";

/** Sends what is set, as latin1, to everybody who asks, and closes the connection. */
let answer = "";
const server = await serveRaw((socket: Socket) => {
  socket.once("data", () => void socket.end(Buffer.from(answer, "latin1")));
});
after(() => server.close());

const request = planRequest(testMetric({ timeout: 1 }), testTarget({ address: server.address }), "0.1.0");
const memory = new PooledBodyMemory();

async function fetchBy(fetcher: TargetFetcher): Promise<FetchOutcome> {
  const outcome = await fetcher.fetch();
  fetcher.close();
  return outcome;
}

async function fetchBoth(text: string): Promise<{ readonly ours: FetchOutcome; readonly theirs: FetchOutcome }> {
  answer = text;
  const [ours, theirs] = await Promise.all([
    fetchBy(new PlainFetcher(request, 1000, systemEnv.clock, defaultAccess, memory)),
    fetchBy(new UndiciFetcher(request, 1000, systemEnv.clock, defaultAccess)),
  ]);
  return { ours, theirs };
}

const headers = [
  "Content-Type: text/plain; version=0.0.4",
  "content-type:\ttext/plain \t",
  "Date: Sun, 22 Nov 2026 10:00:00 GMT",
  "Connection: close",
  "Connection: keep-alive",
  "Keep-Alive: timeout=5",
  'X-Odd: \x80\xff"(),/:;<=>?@[\\]{}',
  "X-Empty:",
  "Content-Encoding: identity",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip",
  "Content-Length: 3",
  "Content-Length: 03",
  "Trailer: X",
  " folded: x",
  "bad header: x",
];

const body = fc.string({ unit: "binary-ascii", maxLength: 60 });
const someHeaders = fc.array(fc.constantFrom(...headers), { maxLength: 3 });
const status = fc.constantFrom(
  "200 OK",
  "200",
  "200 ",
  "204 No Content",
  "304 X",
  "404 Not Found",
  "500 X",
  "302 Found",
);
const statusLine = fc.tuple(fc.constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.0"), status).map((parts) =>
  parts.join(" ")
);

const framed = fc.tuple(statusLine, someHeaders, body, fc.constantFrom("length", "chunked", "close"), fc.nat(20)).map(
  ([line, fields, text, framing, cut]) => {
    const all = [...fields];
    let sent = text;
    if (framing === "length") all.push(`Content-Length: ${text.length}`);
    if (framing === "chunked") {
      all.push("Transfer-Encoding: chunked");
      const parts = [text.slice(0, cut), text.slice(cut)].filter((part) => part !== "");
      sent = [...parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`), "0\r\n\r\n"].join("");
    }
    return `${[line, ...all].join("\r\n")}\r\n\r\n${sent}`;
  },
);

const change = fc.oneof(
  fc.record({
    at: fc.nat(400),
    remove: fc.nat(3),
    insert: fc.constantFrom("", "\r", "\n", "\r\n", " ", "0", "a", ":", ";", "\0"),
  }),
  fc.record({ at: fc.nat(400), remove: fc.constant(1), insert: fc.string({ unit: "binary-ascii", maxLength: 2 }) }),
);

function changed(text: string, changes: readonly { at: number; remove: number; insert: string }[]): string {
  return changes.reduce((now, { at, remove, insert }) => {
    const place = now.length === 0 ? 0 : at % now.length;
    return now.slice(0, place) + insert + now.slice(place + remove);
  }, text);
}

/** What undici takes and we do not, as docs/scraping.md has it. */
const stricter = [
  /its Transfer-Encoding is not chunked/,
  /HTTP\/1\.0 has no Transfer-Encoding/,
  /its status line cannot be read/,
  /it does not begin with HTTP\/1/,
  /CR within a line of its head/,
  /a chunk's (size|extension)/,
];

test("whatever we accept undici accepts, with the same body; what it accepts besides is known", async () => {
  await fc.assert(
    fc.asyncProperty(framed, fc.array(change, { maxLength: 3 }), async (text, changes) => {
      const { ours, theirs } = await fetchBoth(changed(text, changes));
      if (!ours.ok) {
        assert.ok(!theirs.ok || stricter.some((reason) => reason.test(ours.reason)), `we refuse: ${ours.reason}`);
        return;
      }
      assert.ok(theirs.ok, `undici refuses: ${theirs.ok ? "" : theirs.reason}`);
      assert.deepEqual(Buffer.from(ours.body), Buffer.from(theirs.body));
      // undici leaves space behind a value.
      const parts = theirs.contentType.split(",").map((part) => part.trim());
      assert.equal(ours.contentType.replaceAll(/,\s*/g, ","), parts.join(","));
      ours.release?.();
    }),
    { numRuns: 400 },
  );
});

test("plain answers are taken by both", async () => {
  for (const text of ["up 1\n", "", "x".repeat(100_000)]) {
    const { ours, theirs } = await fetchBoth(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`);
    assert.ok(ours.ok && theirs.ok);
    assert.equal(Buffer.from(ours.body).toString(), text);
    assert.equal(Buffer.from(theirs.body).toString(), text);
  }
});
