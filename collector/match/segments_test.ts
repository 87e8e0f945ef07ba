import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExposition, type TextFormat } from "../../core/exposition/parse.ts";
import { segmentsOf } from "./segments.ts";

/** Each family's lines, with its values as `<value>`, or whole when it cannot be matched; null for no segments. */
function segments(text: string, format: TextFormat = "prometheus"): string[] | null {
  const bytes = new TextEncoder().encode(text);
  const { families } = parseExposition(bytes, format, false);
  const found = segmentsOf(bytes, 0, bytes.length, families, format);
  return found?.map(({ start, end, values }) => {
    let shown = values === null ? "whole: " : "";
    let from = start;
    for (let index = 0; index < (values?.length ?? 0); index += 2) {
      const [begin = 0, until = 0] = values?.slice(index) ?? [];
      shown += `${show(bytes, from, begin)}<${show(bytes, begin, until)}>`;
      from = until;
    }
    return shown + show(bytes, from, end);
  }) ?? null;
}

function show(bytes: Uint8Array, start: number, end: number): string {
  return new TextDecoder().decode(bytes.subarray(start, end)).replaceAll("\n", "|");
}

test("a body is cut where a family begins, and values are found", () => {
  const text =
    '# HELP a Text 5\n# TYPE a counter\na{x="1} 2"} 1\na 2\n# a comment 3\n\nb{y="\\" 1"}\t 1e3\n# TYPE c gauge\n';
  assert.deepEqual(segments(text), [
    '# HELP a Text 5|# TYPE a counter|a{x="1} 2"} <1>|a <2>|# a comment 3||',
    'b{y="\\" 1"}\t <1e3>|',
    "# TYPE c gauge|",
  ]);
  assert.deepEqual(segments('# TYPE a_x gauge\n# UNIT a_x x\na_x{b="}"} 1\nb 2\n# EOF\n', "openmetrics"), [
    '# TYPE a_x gauge|# UNIT a_x x|a_x{b="}"} <1>|',
    "b <2>|# EOF|",
  ]);
});

test("quoted names are names", () => {
  assert.deepEqual(segments('# TYPE "a.b" gauge\n{"a.b",c="d"} 1\n{"é"} 2\n'), [
    '# TYPE "a.b" gauge|{"a.b",c="d"} <1>|',
    '{"é"} <2>|',
  ]);
});

test("a family with more than values on its lines is not matched, the others are", () => {
  assert.deepEqual(segments('a 1\nb 2 1700000000000\nb{x="y"} 2\nc 3 \nd 4\n'), [
    "a <1>|",
    'whole: b 2 1700000000000|b{x="y"} 2|',
    "whole: c 3 |",
    "d <4>|",
  ]);
  assert.deepEqual(segments('a_total 1 # {t="x 5"} 2\nb 1\n# EOF\n', "openmetrics"), [
    'whole: a_total 1 # {t="x 5"} 2|',
    "b <1>|# EOF|",
  ]);
});

test("what is behind the end of the last line might go on with it", () => {
  assert.deepEqual(segments("a 1\nb 2"), ["a <1>|", "whole: b 2"]);
  assert.deepEqual(segments("a 1\n# EOF", "openmetrics"), ["whole: a 1|# EOF"]);
});

test("bodies whose families cannot be told apart by lines are not cut", () => {
  const cases = [
    // Families are mixed.
    'a 1\nb 2\na{x="1"} 3\n',
    "# TYPE a counter\n# TYPE b counter\na 1\nb 2\n",
    "a 1\nb 2\n# HELP a Text.\n",
    // A sample of the histogram belongs to another family, by its metadata.
    "# TYPE h histogram\nh_count 1\n# TYPE h_count gauge\nh_sum 2\n",
    // Line feeds within quotes.
    'a{x=" 5\n# b"} 5\n',
    'a{x="\nb 5"} 5\n',
    '# HELP "a\n5" 5\n',
    // No line shows where the name ends, or it does not begin with it.
    'up{x="1"} 2\nup+1\n',
    " a 1\n",
    '{"a\\\\b"} 1\n',
  ];
  for (const text of cases) assert.equal(segments(text), null, text);
});
