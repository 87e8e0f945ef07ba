import type { Random } from "../../../core/runtime/env.ts";

/** Series of one family. */
const familySize = 25;
/** Of so many families one has other series with each scrape, in a case with churn. */
const churnEvery = 20;

const kinds = { constant: 0, counter: 1, gauge: 2, bucket: 3, generation: 4 } as const;

/**
 * The text of a target's exposition, 120 bytes a sample, in which what changes has a fixed width:
 *
 *     bench_requests_total_07{method="GET",handler="/api/v1/shop0017/carts/03",…} 1004711\n
 *                                                                                 ^ offset: seven bytes
 *
 * All targets of a farm have the same places, whatever their series are called.
 */
export interface Exposition {
  readonly text: Uint8Array;
  readonly offsets: Int32Array;
  /** Of `kinds`, for each offset. */
  readonly kinds: Uint8Array;
}

/** Seven digits, or as a gauge three, a point and three. */
const digits = 7;

/** `tag` is a part of every series' labels; tags of one farm have the same length. */
export function makeExposition(seriesCount: number, tag: string, isChurning: boolean): Exposition {
  const offsets: number[] = [];
  const changes: number[] = [];
  let text = "";
  const add = (kind: number) => {
    offsets.push(text.length);
    changes.push(kind);
    text += "1000000";
  };
  for (let family = 0; family * familySize < seriesCount; family++) {
    const count = Math.min(familySize, seriesCount - family * familySize);
    const isNew = isChurning && family % churnEvery === 0;
    const { name, type, series } = familyOf(family, count, tag);
    text += `# HELP ${name} What family ${family} of the benchmark tells.\n# TYPE ${name} ${type}\n`;
    for (const { suffix, labels, kind } of series) {
      text += `${name}${suffix}{${labels}`;
      if (isNew) {
        text += ',revision="';
        add(kinds.generation);
        text += '"';
      }
      text += "} ";
      if (kind === kinds.constant) text += "0";
      else add(kind);
      text += "\n";
    }
  }
  return { text: new TextEncoder().encode(text), offsets: Int32Array.from(offsets), kinds: Uint8Array.from(changes) };
}

interface FamilySeries {
  readonly suffix: string;
  readonly labels: string;
  readonly kind: number;
}

function familyOf(family: number, count: number, tag: string): { name: string; type: string; series: FamilySeries[] } {
  const number = String(family).padStart(2, "0");
  const labels = (method: string, item: number) =>
    `method="${method}",handler="/api/v1/${tag}/carts/${String(item).padStart(2, "0")}",zone="europe-west-1a"`;
  if (family % 4 === 2) {
    const own = labels("POST", family);
    const buckets = Array.from({ length: count }, (_, index): FamilySeries => {
      if (index === count - 1) return { suffix: "_count", labels: own, kind: kinds.bucket };
      if (index === count - 2) return { suffix: "_sum", labels: own, kind: kinds.bucket };
      const bound = index === count - 3 ? "+Inf" : String(0.001 * 2 ** index);
      return { suffix: "_bucket", labels: `${own},le="${bound}"`, kind: kinds.bucket };
    });
    return { name: `bench_request_duration_seconds_${number}`, type: "histogram", series: buckets };
  }
  const isGauge = family % 4 === 3;
  // A fifth of the series never changes, as error counters do.
  const series = Array.from({ length: count }, (_, index): FamilySeries => ({
    suffix: "",
    labels: `${labels(index % 2 === 0 ? "GET" : "POST", index)},status="${200 + index % 4}"`,
    kind: index % 5 === 0 ? kinds.constant : isGauge ? kinds.gauge : kinds.counter,
  }));
  const name = isGauge ? `bench_server_queue_depth_${number}` : `bench_server_requests_total_${number}`;
  return { name, type: isGauge ? "gauge" : "counter", series };
}

/** The values of one target. Counters and buckets grow, half of the counters with each scrape; gauges jump. */
export class TargetValues {
  readonly #exposition: Exposition;
  readonly #values: Int32Array;
  readonly #random: Random;
  #scrapes = 0;

  constructor(exposition: Exposition, random: Random) {
    this.#exposition = exposition;
    this.#random = random;
    this.#values = exposition.offsets.map(() => 1_000_000 + Math.floor(random.float() * 1_000_000));
  }

  /** The next exposition, in a buffer of its own. */
  next(): Uint8Array<ArrayBuffer> {
    const { text, offsets, kinds: changes } = this.#exposition;
    const body = new Uint8Array(text);
    this.#scrapes++;
    // One random number for a scrape: which series change, and by how much, need only differ from scrape to scrape.
    let bits = Math.floor(this.#random.float() * 0x7fffffff) | 1;
    for (let slot = 0; slot < offsets.length; slot++) {
      bits = Math.imul(bits, 1_103_515_245) + 12_345 | 0;
      const noise = bits >>> 16;
      let value = this.#values[slot] as number;
      const kind = changes[slot];
      if (kind === kinds.generation) value = 1_000_000 + this.#scrapes;
      else if (kind === kinds.gauge) value = 100_000 + (noise * 13) % 900_000;
      else if (kind === kinds.bucket || (noise & 1) === 1) value += 1 + (noise >>> 8);
      this.#values[slot] = value;
      writeDigits(body, offsets[slot] as number, value, kind === kinds.gauge);
    }
    return body;
  }
}

function writeDigits(body: Uint8Array, offset: number, value: number, isGauge: boolean): void {
  let rest = value % 10_000_000;
  for (let index = offset + digits - 1; index >= offset; index--) {
    if (isGauge && index === offset + 3) {
      body[index] = 0x2e;
      continue;
    }
    body[index] = 0x30 + rest % 10;
    rest = rest / 10 | 0;
  }
}
