import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32, gunzipSync, gzipSync } from "node:zlib";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { defaultAccess } from "../../core/scrape/access.ts";
import { makeFetcher } from "../../core/scrape/fetch.ts";
import { gunzipInPlace } from "../../core/scrape/plain/gunzip_in_place.ts";
import type { Inflater } from "../../core/scrape/plain/inflater.ts";
import { planRequest } from "../../core/scrape/request.ts";
import { testMetric, testTarget } from "../../core/scrape/testing/metrics.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { KernelBodyMemory } from "./body_memory.ts";
import { openSimdKernel } from "./simd_kernel.ts";

const text = "shop_orders_total 1\n".repeat(3000);

class Gunzipping {
  readonly bodies: KernelBodyMemory;
  successes = 0;

  constructor() {
    const kernel = openSimdKernel(2 * 1024 * 1024);
    const inflater = kernel.makeInflater();
    assert.ok(inflater !== null);
    const counting: Inflater = {
      inflate: (coded, body) => {
        const result = inflater.inflate(coded, body);
        if (result !== null) this.successes++;
        return result;
      },
    };
    this.bodies = new KernelBodyMemory(kernel.memory, undefined, undefined, counting);
  }

  gunzip(coded: Uint8Array, bytesMax = 100_000): string | null {
    const lent = this.bodies.lend(coded.length);
    lent.bytes.set(coded);
    const unpacked = gunzipInPlace(lent.bytes.subarray(0, coded.length), bytesMax, this.bodies);
    const body = unpacked === null
      ? null
      : new TextDecoder().decode(unpacked.lent.bytes.subarray(0, unpacked.bodyBytes));
    unpacked?.lent.release();
    lent.release();
    assert.equal(this.bodies.lentBytes, 0);
    return body;
  }
}

/** The same gzip stream with other flags, and what they announce. */
function withHead(coded: Uint8Array, flags: number, ...fields: readonly string[]): Uint8Array {
  const head = [...coded.subarray(0, 10), ...fields.flatMap((field) => [...Buffer.from(field, "latin1")])];
  head[3] = flags;
  const sum = crc32(Uint8Array.from(head)) & 0xffff;
  return Uint8Array.from([...head, ...(flags & 2) === 0 ? [] : [sum & 255, sum >> 8], ...coded.subarray(10)]);
}

test("a gzip body is unpacked within the kernel's memory", () => {
  const gunzipping = new Gunzipping();
  assert.equal(gunzipping.gunzip(gzipSync(text)), text);
  assert.equal(gunzipping.gunzip(gzipSync("")), "");
});

test("heads with all that RFC 1952 allows in them are read", () => {
  const gunzipping = new Gunzipping();
  const coded = gzipSync(text);
  const check = (stream: Uint8Array) => {
    assert.equal(gunzipSync(stream).toString(), text);
    assert.equal(gunzipping.gunzip(stream), text);
  };
  check(withHead(coded, 1));
  check(withHead(coded, 2));
  check(withHead(coded, 4, "\x03\x00abc"));
  check(withHead(coded, 8, "metrics\0"));
  check(withHead(coded, 16, "a comment\0"));
  check(withHead(coded, 31, "\x03\x00abc", "metrics\0", "a comment\0"));
});

test("whatever is unusual, wrong or too large is left to zlib", () => {
  const gunzipping = new Gunzipping();
  const coded = gzipSync(text);
  const change = (at: number, by = 1) => {
    const changed = Uint8Array.from(coded);
    changed[at < 0 ? changed.length + at : at]! ^= by;
    return changed;
  };
  const checksumWrong = withHead(coded, 2);
  checksumWrong[10]! ^= 1;
  const left: Readonly<Record<string, Uint8Array>> = {
    "two members": Buffer.concat([coded, coded]),
    "something behind it": Buffer.concat([coded, Buffer.from("x")]),
    "another checksum": change(-8),
    "a smaller size": change(-4),
    "a larger size": change(-2),
    "a size beyond all measure": change(-1, 0x80),
    "no magic bytes": change(0),
    "another method": change(2),
    "reserved flags": change(3, 0x20),
    "a head with another checksum": checksumWrong,
    "extra bytes beyond the end": withHead(coded, 4, "\xff\xff"),
    "a name without end": Uint8Array.from(withHead(coded, 8), (byte, i) => i < 10 ? byte : byte || 1),
    "a head only": coded.subarray(0, 10),
    "nothing": new Uint8Array(0),
  };
  for (const [what, stream] of Object.entries(left)) assert.equal(gunzipping.gunzip(stream), null, what);
  assert.equal(gunzipping.gunzip(coded, text.length), text);
  assert.equal(gunzipping.gunzip(coded, text.length - 1), null);
  for (let end = 0; end < coded.length; end++) assert.equal(gunzipping.gunzip(coded.subarray(0, end)), null);
});

test("a body with changed bits is never another one than zlib's", () => {
  const gunzipping = new Gunzipping();
  const random = seededRandom(4);
  for (let round = 0; round < 2000; round++) {
    const coded = gzipSync(text.slice(0, 2000));
    coded[Math.floor(random.float() * coded.length)]! ^= 1 << Math.floor(random.float() * 8);
    const ours = gunzipping.gunzip(coded);
    if (ours !== null) assert.equal(ours, gunzipSync(coded).toString());
  }
});

test("scrapes of targets that compress are unpacked in place, and the limit of their bodies holds", async () => {
  const server = await serveTarget((request, response) => {
    response.setHeader("Content-Encoding", "gzip");
    const coded = gzipSync(text);
    if (request.url === "/bad") coded[coded.length - 6]! ^= 1;
    response.end(request.url === "/two" ? Buffer.concat([coded, coded]) : coded);
  });
  const gunzipping = new Gunzipping();
  const fetch = async (uri: string, bodyBytes?: number) => {
    const limits = bodyBytes === undefined ? {} : { limits: { bodyBytes } };
    const metric = testMetric({ uri, timeout: 5, ...limits });
    const request = planRequest(metric, testTarget({ address: server.address }), "0.1.0");
    const fetcher = makeFetcher(request, 60_000, systemEnv.clock, defaultAccess, gunzipping.bodies);
    const outcome = await fetcher.fetch();
    fetcher.close();
    if (!outcome.ok) return outcome.reason;
    const body = new TextDecoder().decode(outcome.body);
    outcome.release?.();
    return body;
  };
  try {
    assert.equal(await fetch("/one"), text);
    assert.equal(gunzipping.successes, 1);
    assert.equal(await fetch("/two"), text + text);
    assert.match(await fetch("/bad"), /^gzip: /);
    assert.match(await fetch("/one", text.length - 1), /exceeds/);
    assert.equal(gunzipping.bodies.lentBytes, 0);
  } finally {
    await server.close();
  }
});
