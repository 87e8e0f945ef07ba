import * as fc from "fast-check";
import { dump } from "js-yaml";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readYaml } from "./yaml.ts";

function problemsOf(text: string, bytesMax?: number): string[] {
  const read = readYaml(text, bytesMax);
  return read.ok ? [] : read.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

test("what is no single plain document is refused at its place", () => {
  const check = (text: string, ...want: string[]) => assert.deepEqual(problemsOf(text), want, JSON.stringify(text));
  check("", "1:1: the file is empty");
  check("# only a comment\n", "1:1: the file is empty");
  check("---\n", "1:1: the file is empty");
  check("a: 1\n---\nb: 2\n", "2:1: a second document begins here; a file holds one");
  check("---\n---\nb: 2\n", "2:1: a second document begins here; a file holds one");
  check("a: |\n  text\n---\n", "3:1: a second document begins here; a file holds one");
  check("a: 1\n...\nb: 1\n", "3:1: a second document begins here; a file holds one");
  check("a: 1\na: 2\n", '2:1: duplicate key "a"; it stands at 1:1 already');
  check(
    "b:\n  c: 1\n  'c': 2\na: {x: 1, \"x\": 2}\n16: 1\n0x10: 2\n",
    '3:3: duplicate key "c"; it stands at 2:3 already',
    '4:11: duplicate key "x"; it stands at 4:5 already',
    '6:1: duplicate key "16"; it stands at 5:1 already',
  );
  check("a: 1\n? [b]\n: 2\n", "2:3: a key must be text");
  check(
    "a: &x 1\nb: *x\nc: !secret x\n",
    "1:4: anchors are not supported",
    "2:4: aliases are not supported; write the value out",
    "3:4: tag !secret is not supported",
  );
  check("%YAML 1.2\n---\na: 1\n", "1:1: directives are not supported");
  check("a: b: c\n", "1:5: bad indentation of a mapping entry");
  check("a:\n\tb: 1\n", "2:1: tab characters must not be used in indentation");
  check("a: \0\n", "1:4: null byte is not allowed in input");
});

test("nesting and size are bounded", () => {
  assert.deepEqual(problemsOf("[".repeat(41) + "]".repeat(41)), ["1:40: nesting exceeded maxDepth (40)"]);
  assert.deepEqual(problemsOf("a: 购物车\n", 12), ["1:1: the file has 13 bytes; at most 12 are read"]);
  assert.deepEqual(problemsOf("a: 购物车\n", 13), []);
  assert.deepEqual(problemsOf(`a: ${"x".repeat(1024 * 1024)}`), [
    "1:1: the file has 1048579 bytes; at most 1048576 are read",
  ]);
});

test("lines end in LF, CRLF or CR, and a byte order mark is no column", () => {
  const check = (text: string, want: string) => assert.deepEqual(problemsOf(text), [want], JSON.stringify(text));
  check("a: 1\r\nb: 2\r\na: 3\r\n", '3:1: duplicate key "a"; it stands at 1:1 already');
  check("a: 1\rb: 2\ra: 3\r", '3:1: duplicate key "a"; it stands at 1:1 already');
  check("\uFEFFa: 1\na: 3\n", '2:1: duplicate key "a"; it stands at 1:1 already');
  check("\uFEFF{a: 1, a: 3}\n", '1:8: duplicate key "a"; it stands at 1:2 already');
});

test("the place of every key and value is known", () => {
  const read = readYaml(
    `# a comment
metadata: { name: cart, labels: {} }
spec:
  port: 9100
  'uri': "/metrics"
  list:
    - one
    - two: 2
  none:
  text: |
    line
`,
  );
  assert.ok(read.ok);
  const check = (path: (string | number)[], value: string, key = value) => {
    const at = ({ line, column }: { line: number; column: number }) => `${line}:${column}`;
    assert.equal(at(read.document.placeOf(path)), value, `value of ${path.join(".")}`);
    assert.equal(at(read.document.placeOfKey(path)), key, `key of ${path.join(".")}`);
  };
  check([], "2:1");
  check(["metadata", "name"], "2:19", "2:13");
  check(["metadata", "labels"], "2:33", "2:25");
  check(["spec"], "4:3", "3:1");
  check(["spec", "port"], "4:9", "4:3");
  check(["spec", "uri"], "5:10", "5:3");
  check(["spec", "list", 0], "7:7");
  check(["spec", "list", 1, "two"], "8:12", "8:7");
  check(["spec", "none"], "9:3");
  check(["spec", "text"], "11:1", "10:3");
});

test("what is not there is shown at the key that should hold it", () => {
  const read = readYaml("a: 1\nspec:\n  list: [{}]\n");
  assert.ok(read.ok);
  const { placeOf } = read.document;
  assert.deepEqual(placeOf(["spec", "port"]), { line: 2, column: 1 });
  assert.deepEqual(placeOf(["spec", "list", 0, "ip"]), { line: 3, column: 10 });
  assert.deepEqual(placeOf(["kind"]), { line: 1, column: 1 });
});

test("any value that JSON can hold is read as it was written", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { minKeys: 1 }), (value) => {
      const text = dump(value, { noRefs: true });
      const read = readYaml(text);
      assert.ok(read.ok, text);
      assert.deepEqual(JSON.parse(JSON.stringify(read.document.value)), JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 200 },
  );
});

test("no text makes the reader fail otherwise than by a problem with a place in the text", () => {
  const tokens = [
    "a",
    ": ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "|",
    ">",
    "&x ",
    "*x",
    "!t ",
    "---\n",
    "# ",
  ];
  const fragments = fc.constantFrom(...tokens, "? ", ",");
  fc.assert(
    fc.property(fc.array(fragments, { maxLength: 30 }), (parts) => {
      const text = parts.join("");
      const read = readYaml(text);
      if (read.ok) return;
      assert.ok(read.problems.length > 0);
      const lines = text.split("\n");
      for (const { line, column } of read.problems) {
        assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${JSON.stringify(text)}`);
        assert.ok(column >= 1 && column <= (lines[line - 1] ?? "").length + 1, `column ${column}`);
      }
    }),
    { numRuns: 2000 },
  );
});
