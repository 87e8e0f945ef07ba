import assert from "node:assert/strict";
import { type Exposition, ExpositionError } from "../exposition.ts";

/** The bytes of a text in which `\xNN` up to 0xff stands for that byte, so that broken UTF-8 can be written. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

export function utf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** Asserts that `parse` refuses its input at `want`, which is `line:column: ` and the beginning of the reason. */
export function assertRefused(parse: () => Exposition, want: string, input: string): void {
  const shown = JSON.stringify(input);
  try {
    parse();
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    assert.equal(error.message.slice(0, want.length), want, shown);
    assert.equal(error.message, `${error.line}:${error.column}: ${error.reason}`);
    return;
  }
  assert.fail(`accepted ${shown}, which must be refused with ${want}`);
}

/** The samples of all families as `name{label="value",…} value @timestampMs`, to compare in tables. */
export function sampleLines(exposition: Exposition): string[] {
  return exposition.families.flatMap(({ samples }) =>
    samples.map(({ name, labels, value, timestampMs }) => {
      const pairs = labels.map((label) => `${label.name}=${JSON.stringify(label.value)}`).join(",");
      const shown = Object.is(value, -0) ? "-0" : String(value);
      return `${name}{${pairs}} ${shown}${timestampMs === null ? "" : ` @${timestampMs}`}`;
    })
  );
}

/** The families as `name type samples`, with help and unit where there are some. */
export function familyLines(exposition: Exposition): string[] {
  return exposition.families.map(({ family, type, help, unit, samples }) =>
    `${family} ${type} ${samples.length}` + (help === "" ? "" : ` help=${JSON.stringify(help)}`)
    + (unit === "" ? "" : ` unit=${unit}`)
  );
}
