import type { Family } from "../../core/exposition/exposition.ts";
import type { ExpositionFormat } from "../../core/exposition/parse.ts";
import { headOf } from "./expectation.ts";
import type { Matching } from "./matching.ts";
import { type Segment, segmentsOf } from "./segments.ts";
import type { Template } from "./template_store.ts";

/**
 * Learns the families of a text that the naive parser has read: a template for each, with one more user, or null for
 * one that cannot be matched (with times of its own, exemplars, odd blanks), for which there is no room, or which
 * `mayLearn` leaves out.
 *
 * @param families All of the text from `start` to `end` of `body`, with their names as they are exposed.
 */
export function learnFamilies(
  matching: Matching,
  body: Uint8Array,
  { start, end, families }: { readonly start: number; readonly end: number; readonly families: readonly Family[] },
  format: ExpositionFormat,
  mayLearn: (family: string) => boolean,
): (Template | null)[] {
  const segments = segmentsOf(body, start, end, families, format);
  if (segments === null) return families.map(() => null);
  const base = matching.place(body);
  return segments.map((segment) => {
    if (base === null || segment.values === null || !mayLearn(segment.family.family)) return null;
    const template = makeTemplate(matching, body, segment, segment.values);
    if (template === null || isTrue(matching, template, base, segment)) return template;
    matching.templates.release(template);
    return null;
  });
}

/** @param values Where they begin and end, in turns. */
function makeTemplate(
  matching: Matching,
  body: Uint8Array,
  { start, end }: Segment,
  values: readonly number[],
): Template | null {
  const textBytes = new Uint32Array(values.length / 2 + 1);
  const texts = new Uint8Array(end - start);
  let from = start;
  let length = 0;
  for (let piece = 0; piece < textBytes.length; piece++) {
    const until = values[2 * piece] ?? end;
    texts.set(body.subarray(from, until), length);
    textBytes[piece] = until - from;
    length += until - from;
    from = values[2 * piece + 1] ?? end;
  }
  const newline = body.indexOf(0x0a, start);
  const head = headOf(body.subarray(start, newline === -1 ? end : newline + 1));
  return matching.templates.take(texts.subarray(0, length), textBytes, head);
}

/** Whether it reads, of the very text that it was made of, what the naive parser has read. */
function isTrue(matching: Matching, template: Template, base: number, { start, end, family }: Segment): boolean {
  const address = matching.placeValues(template.valueCount);
  if (address === null || template.valueCount !== family.samples.length) return false;
  if (matching.matchFamily(template, base + start, base + end, address) !== base + end) return false;
  const values = matching.valuesAt(address, template.valueCount);
  return family.samples.every((sample, index) => Object.is(sample.value, values[index]));
}
