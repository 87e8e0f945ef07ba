import type { CollectionMetric } from "../../core/config/schema.ts";
import { escapeExposition } from "../../core/exposition/escape_names.ts";
import { type Exposition, ExpositionError, type Family } from "../../core/exposition/exposition.ts";
import { type ExpositionFormat, parseExposition } from "../../core/exposition/parse.ts";
import { ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { scrapeFormat } from "../../core/scrape/read.ts";
import type { EncodedExposition, ExpositionEncoder } from "../scrape/encode.ts";
import type { KnownFamily } from "../scrape/known.ts";
import { compose, type ComposedFamily, type ParsedSpan, partOf } from "./compose.ts";
import { Expectation, type ExpectedFamily, exposedNames } from "./expectation.ts";
import { learnFamilies } from "./learn.ts";
import { matchBody, type MatchedBody, matchWhole } from "./match_body.ts";
import type { Matching } from "./matching.ts";
import { Reluctance } from "./reluctance.ts";
import type { Template } from "./template_store.ts";

export interface ReadBody {
  readonly exposed: EncodedExposition;
  /** Native histograms that were exposed: only their classic part is in `exposed`. */
  readonly nativeHistograms: number;
}

/**
 * Reads the bodies of one target. A body that differs from the last in its values only, which nearly all do, is matched:
 * no text and no object is made for a sample. Of another one the families that have changed are parsed, and where it is
 * not certain that this comes to the same, all of it is. Either way it gives what parsing each body whole would give.
 */
export class BodyReader {
  readonly #metric: Pick<CollectionMetric, "fallbackProtocol" | "nameEscaping">;
  readonly #encoder: ExpositionEncoder;
  readonly #matching: Matching | null;
  readonly #reluctance = new Reluctance();
  #expectation: Expectation | null = null;
  readonly #kind: string | null;
  /** The token of what is expected of another target, and was tried here. */
  #tried: object | null = null;
  #samplesScraped = 0;
  /** Of the last body, and its format. */
  #contentType: string | null = null;
  #format: ExpositionFormat = "prometheus";
  #isClosed = false;

  /** @param matching Null parses each body whole. */
  constructor(
    metric: Pick<CollectionMetric, "fallbackProtocol" | "nameEscaping">,
    encoder: ExpositionEncoder,
    matching: Matching | null,
  ) {
    this.#metric = metric;
    this.#encoder = encoder;
    this.#matching = matching;
    this.#kind = encoder.kind === null ? null : `${metric.nameEscaping} ${encoder.kind}`;
  }

  /** Samples of the last body, one that was refused after it was parsed included. */
  get samplesScraped(): number {
    return this.#samplesScraped;
  }

  /** As {@link samplesScraped}, those that relabelling left; 0 for a body that could not be parsed. */
  get samplesPostRelabeling(): number {
    return this.#samplesScraped === 0 ? 0 : this.#encoder.samplesPostRelabeling;
  }

  /** @throws ScrapeRefusedError and ExpositionError, as `readScrape` and `ExpositionEncoder.encode` do. */
  read(body: Uint8Array, contentType: string): ReadBody {
    this.#samplesScraped = 0;
    this.#reluctance.begin();
    if (contentType !== this.#contentType) {
      this.#format = scrapeFormat(contentType, this.#metric);
      this.#contentType = contentType;
    }
    const format = this.#format;
    const exposed = this.#match(body, format);
    if (exposed === null) return this.#parse(body, format);
    this.#samplesScraped = exposed.samplesScraped;
    return { exposed, nativeHistograms: 0 };
  }

  /** Gives back what is held in the memory that all targets share; what is read from now on is parsed whole. */
  close(): void {
    this.#isClosed = true;
    this.#expect(null);
  }

  /** Null for a body that has to be parsed whole. */
  #match(body: Uint8Array, format: ExpositionFormat): EncodedExposition | null {
    const matching = this.#matching;
    if (matching === null || this.#isClosed) return null;
    const expectation = this.#expectation?.format === format ? this.#expectation : null;
    const read = expectation === null ? null : matchBody(matching, expectation, body);
    if (read?.pieces === null) {
      matching.counts.matched++;
      return this.#encoder.encodeKnown(read.values);
    }
    const newest = matching.expectations.newest(this.#kind);
    if (newest === null || newest.token === this.#tried) return this.#matchParts(matching, body, expectation, read);
    this.#tried = newest.token;
    const values = newest.format === format && newest !== expectation ? matchWhole(matching, newest, body) : null;
    if (values !== null) return this.#adopt(matching, newest, values);
    // The values are gone.
    const again = expectation === null ? null : matchBody(matching, expectation, body);
    return this.#matchParts(matching, body, expectation, again);
  }

  /** A body as it is expected of another target, such as the first of a target, or after all have been renewed. */
  #adopt(matching: Matching, expectation: Expectation, values: Float64Array<ArrayBuffer>): EncodedExposition {
    matching.counts.matched++;
    const before = this.#expectation;
    this.#expectation = matching.expectations.use(expectation);
    if (before !== null) matching.expectations.release(before);
    return this.#encoder.encodeKnown(values, expectation.known);
  }

  #matchParts(
    matching: Matching,
    body: Uint8Array,
    expectation: Expectation | null,
    read: MatchedBody | null,
  ): EncodedExposition | null {
    if (expectation === null || read === null || read.pieces === null) return null;
    try {
      const families = compose(expectation, { ...read, pieces: read.pieces }, body, this.#metric.nameEscaping);
      const exposed = families === null ? null : this.#encoder.encodeParts(families.map(partOf));
      if (families === null || exposed === null) return null;
      matching.counts.partly++;
      this.#relearn(matching, expectation, families, body);
      return exposed;
    } catch (error) {
      // Parsed whole it fails again, with the right place.
      if (error instanceof ExpositionError || error instanceof ScrapeRefusedError) return null;
      throw error;
    }
  }

  #parse(body: Uint8Array, format: ExpositionFormat): ReadBody {
    const raw = parseExposition(body, format, false);
    const exposition = escapeExposition(raw, this.#metric.nameEscaping);
    this.#samplesScraped = exposition.families.reduce((sum, { samples }) => sum + samples.length, 0);
    const exposed = this.#encoder.encode(exposition);
    if (this.#matching !== null) this.#matching.counts.parsed++;
    this.#learn(raw, body, format);
    return { exposed, nativeHistograms: countNative(exposition) };
  }

  /** Learns a body that was parsed whole. */
  #learn(raw: Exposition, body: Uint8Array, format: ExpositionFormat): void {
    const matching = this.#matching;
    if (matching === null || this.#isClosed) return;
    if (this.#expectation !== null) this.#reluctance.bodyChanged();
    if (format === "protobuf" || !this.#reluctance.mayLearn) return this.#expect(null);
    const span: ParsedSpan = { start: 0, end: body.length, families: raw.families };
    const templates = this.#templatesOf(matching, span, body, format);
    const { families } = this.#encoder.known;
    this.#expect(
      format,
      raw.families.map((family, index) =>
        expectedFamily(exposedNames(family), families[index] as KnownFamily, templates[index] ?? null)
      ),
    );
  }

  /** Learns what has changed in a body that was read in pieces. */
  #relearn(matching: Matching, before: Expectation, composed: readonly ComposedFamily[], body: Uint8Array): void {
    const { known } = this.#encoder;
    this.#noteChanges(before, composed);
    const learnt = new Map<Family, Template | null>();
    for (const span of new Set(composed.flatMap((one) => one.expected === null ? [one.parsed.span] : []))) {
      const templates = this.#templatesOf(matching, span, body, before.format);
      for (const [index, family] of span.families.entries()) learnt.set(family, templates[index] ?? null);
    }
    const isLearnt = Array.from(learnt.values()).some((template) => template !== null);
    // Families that cannot be learnt are parsed each time.
    if (known === before.known && !isLearnt) return;
    const families = composed.map((one, index): ExpectedFamily => {
      const family = known.families[index] as KnownFamily;
      if (one.expected === null) return expectedFamily(one.parsed.exposed, family, learnt.get(one.parsed.raw) ?? null);
      if (one.expected.template !== null) matching.templates.use(one.expected.template);
      return one.expected;
    });
    this.#expect(before.format, families);
  }

  #noteChanges(before: Expectation, composed: readonly ComposedFamily[]): void {
    const changed = composed.flatMap((one) => one.expected === null ? [one.parsed.exposed.family] : []);
    const learnt = new Set(
      before.families.flatMap(({ exposed, template }) => template === null ? [] : [exposed.family]),
    );
    for (const family of changed) if (learnt.has(family)) this.#reluctance.familyChanged(family);
    if (changed.length * 2 > composed.length) this.#reluctance.bodyChanged();
  }

  #templatesOf(
    matching: Matching,
    span: ParsedSpan,
    body: Uint8Array,
    format: ExpositionFormat,
  ): (Template | null)[] {
    const mayLearn = (family: string) => this.#reluctance.mayLearn && this.#reluctance.mayLearnFamily(family);
    const templates = learnFamilies(matching, body, span, format, mayLearn);
    for (const [index, { family }] of span.families.entries()) {
      // What cannot be learnt now cannot be learnt soon.
      if (templates[index] === null && mayLearn(family)) this.#reluctance.familyChanged(family);
    }
    return templates;
  }

  #expect(format: null): void;
  #expect(format: ExpositionFormat, families: readonly ExpectedFamily[]): void;
  #expect(format: ExpositionFormat | null, families: readonly ExpectedFamily[] = []): void {
    const { expectations } = this.#matching ?? {};
    const before = this.#expectation;
    this.#expectation = null;
    if (expectations !== undefined && format !== null && families.some(({ template }) => template !== null)) {
      const known = { ...this.#encoder.known, families: families.map((family) => family.known) };
      this.#expectation = expectations.take(new Expectation(format, families, known), this.#kind);
      this.#encoder.adopt(this.#expectation.known);
    }
    if (before !== null) expectations?.release(before);
  }
}

/** A template tells what was exposed, so the series need not be remembered for that. */
function expectedFamily(
  exposed: ExpectedFamily["exposed"],
  known: KnownFamily,
  template: Template | null,
): ExpectedFamily {
  const isForgotten = template !== null && known.exposed !== "as sent";
  return { exposed, known: isForgotten ? { ...known, exposed: "forgotten" } : known, template };
}

function countNative({ families }: Exposition): number {
  return families.reduce((sum, { nativeHistograms }) => sum + (nativeHistograms?.length ?? 0), 0);
}
