import type { Exposition, Family, Sample } from "./exposition.ts";

export type MetadataKind = "type" | "help" | "unit";

/** The type of a family without a TYPE line. */
export const unknownType = "unknown";

/**
 * The suffixes by which the samples of a type are told to be of its family, besides the family's own name.
 * Prometheus takes the same ones in both formats.
 */
const suffixesByType: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total", "_created"],
  histogram: ["_bucket", "_sum", "_count", "_created"],
  gaugehistogram: ["_bucket", "_gsum", "_gcount"],
  summary: ["_sum", "_count", "_created"],
  info: ["_info"],
};

interface Metadata {
  readonly family: string;
  type: string;
  help: string;
  unit: string;
}

/**
 * Gathers lines and sorts them into families at the end, when all metadata is known: a TYPE line may follow its
 * samples, and lines of several families may be mixed. A repeated metadata line replaces the one before, as in
 * Prometheus.
 */
export class FamilyCollector {
  readonly #metadata = new Map<string, Metadata>();
  /** Each family's first metadata line, and each sample, in the order of the body. */
  readonly #lines: (Metadata | Sample)[] = [];

  metadata(kind: MetadataKind, family: string, text: string): void {
    let metadata = this.#metadata.get(family);
    if (metadata === undefined) {
      metadata = { family, type: unknownType, help: "", unit: "" };
      this.#metadata.set(family, metadata);
      this.#lines.push(metadata);
    }
    metadata[kind] = text;
  }

  sample(sample: Sample): void {
    this.#lines.push(sample);
  }

  finish(): Exposition {
    const families = new Map<string, Family & { readonly samples: Sample[] }>();
    const familyOfName = new Map<string, string>();
    for (const line of this.#lines) {
      const name = "value" in line ? this.#familyOf(line.name, familyOfName) : line.family;
      let family = families.get(name);
      if (family === undefined) {
        const metadata = this.#metadata.get(name) ?? { family: name, type: unknownType, help: "", unit: "" };
        family = { ...metadata, samples: [] };
        families.set(name, family);
      }
      if ("value" in line) family.samples.push(line);
    }
    return { families: [...families.values()] };
  }

  #familyOf(sampleName: string, known: Map<string, string>): string {
    let family = known.get(sampleName);
    if (family === undefined) {
      family = this.#findFamily(sampleName);
      known.set(sampleName, family);
    }
    return family;
  }

  #findFamily(sampleName: string): string {
    // Metadata of exactly this name goes first: a gauge "x_count" may stand beside a histogram "x".
    if (this.#metadata.has(sampleName)) return sampleName;
    const cut = sampleName.lastIndexOf("_");
    if (cut === -1) return sampleName;
    const metadata = this.#metadata.get(sampleName.slice(0, cut));
    if (metadata === undefined) return sampleName;
    const suffixes = suffixesByType[metadata.type] ?? [];
    return suffixes.includes(sampleName.slice(cut)) ? metadata.family : sampleName;
  }
}
