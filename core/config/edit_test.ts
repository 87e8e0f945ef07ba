import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { editDocument, writeDocument } from "./edit.ts";
import { type Commented, commentedDocument, editsOf } from "./testing/arbitrary_yaml.ts";
import { readYaml } from "./yaml.ts";

function valueOf(text: string): unknown {
  const read = readYaml(text);
  assert.ok(read.ok, `this is no YAML: ${text}`);
  return read.document.value;
}

/** Edits `before` by changing what it reads as. */
function check(before: string, change: (value: never) => void, after: string): void {
  const desired = valueOf(before);
  change(desired as never);
  const edited = editDocument(before, desired);
  assert.equal(edited, after);
  assert.deepEqual(valueOf(edited), desired);
}

const metric = `# The cart's own metrics.
apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: c1, namespace: shop, name: cart } # do not rename

spec:
  version: "3"   # bump me
  # The sidecar listens here.
  port: 9100
  uri: '/metrics'
  limits:
    # The catalog page is big.
    samples: 5_000
  constLabels: {team: trade, tier: a}
  relabelings:
    # Drop the canary.
    - { action: drop, regex: canary }
    - action: replace # name it
      targetLabel: job
# end
`;

interface Metric {
  metadata: Record<string, unknown>;
  spec: {
    version: string;
    port?: unknown;
    uri: string;
    timeout?: number;
    head?: Record<string, string>;
    limits?: Record<string, unknown>;
    constLabels: Record<string, string>;
    relabelings: Record<string, unknown>[];
  };
}

test("a changed value is replaced where it stands, and nothing else is touched", () => {
  check(
    metric,
    ({ spec }: Metric) => {
      spec.version = "4";
      spec.port = "web";
      spec.constLabels["tier"] = "b, c";
    },
    metric.replace('"3"', '"4"').replace("9100", "web").replace("tier: a", 'tier: "b, c"'),
  );
});

test("what is new goes to the end of its mapping or list", () => {
  check(
    metric,
    ({ metadata, spec }: Metric) => {
      metadata["labels"] = { a: "b" };
      spec.timeout = 5;
      spec.head = { "X-A": "1" };
      spec.constLabels["zone"] = "z";
      spec.relabelings.push({ action: "keep" });
    },
    metric.replace("name: cart }", "name: cart, labels: {a: b} }")
      .replace("tier: a}", "tier: a, zone: z}")
      .replace("      targetLabel: job\n", '$&    - action: keep\n  timeout: 5\n  head:\n    X-A: "1"\n'),
  );
});

test("what is removed goes with its lines and the comments that are about it", () => {
  check(
    metric,
    ({ spec }: Metric) => {
      delete spec.port;
      delete spec.constLabels["team"];
      spec.relabelings.splice(1, 1);
    },
    metric.replace("  # The sidecar listens here.\n  port: 9100\n", "")
      .replace("team: trade, ", "")
      .replace("    - action: replace # name it\n      targetLabel: job\n", ""),
  );
});

test("a list keeps the items that stay, wherever others come and go", () => {
  const list = "items:\n  # one\n  - a\n  # two\n  - { b: 1 } # b\n  # three\n  - c\n";
  check(list, (value: { items: unknown[] }) => value.items.unshift(0), list.replace("  # one", "  - 0\n$&"));
  check(list, (value: { items: unknown[] }) => value.items.splice(1, 0, 5), list.replace("  - a\n", "$&  - 5\n"));
  check(
    list,
    (value: { items: unknown[] }) => value.items.splice(1, 1),
    list.replace("  # two\n  - { b: 1 } # b\n", ""),
  );
  check(list, (value: { items: unknown[] }) => value.items[2] = [1], list.replace("- c", "- - 1"));
});

test("what changes its kind is rewritten, and the rest stays", () => {
  const text = "a: 1 # one\nb: # two\n  - x\nc: |\n  text\n\n# three\nd: [1, 2]\n";
  const desired = { a: { x: 1 }, b: "y", c: [], d: "two\nlines" };
  const after = 'a:\n  x: 1 # one\nb: "y" # two\nc: []\n\n# three\nd: "two\\nlines"\n';
  assert.equal(editDocument(text, desired), after);
  assert.deepEqual(valueOf(after), desired);
});

test("the first key of a list's item can go, and its comments' neighbours stay", () => {
  check("- a: 1\n  b: 2 # b\n", (value: { a?: number }[]) => delete value[0]?.a, "- b: 2 # b\n");
  check(
    "- a: 1\n  # about b\n  b: 2\n",
    (value: { a?: number }[]) => delete value[0]?.a,
    "-\n  # about b\n  b: 2\n",
  );
});

test("Windows line breaks, a missing last one, and JSON are kept", () => {
  check("a: 1\r\nb: 2 # b\r\n", (value: { c: number }) => value.c = 3, "a: 1\r\nb: 2 # b\r\nc: 3\r\n");
  check("a: 1\nb: 2", (value: { c: number }) => value.c = 3, "a: 1\nb: 2\nc: 3");
  check('{"a": 1,\n "b": [1]}', (value: { b: number[] }) => value.b.push(2), '{"a": 1,\n "b": [1, 2]}');
});

test("what cannot be edited in place is rewritten, but for the comments at the head", () => {
  const after = "# head\n\n# more\na: 2\n";
  assert.equal(editDocument("# head\n\n# more\n? a\n: 1\n", { a: 2 }), after);
  assert.equal(editDocument("# head\n\n# more\na: {broken\n", { a: 2 }), after);
  assert.equal(editDocument("", { a: 2 }), "a: 2\n");
});

test("a document that reads as it should is not touched at all", () => {
  assert.equal(editDocument(metric, valueOf(metric)), metric);
});

test("whatever the document and the edit: it reads as desired, and the comments of untouched keys are there", () => {
  const property = fc.property(commentedDocument, editsOf, (document, edit) => {
    assert.deepEqual(valueOf(document.text), document.value);
    const desired = edit(document.value);
    const edited = editDocument(document.text, desired);
    assert.deepEqual(valueOf(edited), desired);
    for (const comment of commentsToKeep(document, desired)) assert.ok(edited.includes(comment), `${comment} is gone`);
  });
  fc.assert(property, { numRuns: 1500 });
});

test("whatever is written anew reads back", () => {
  fc.assert(fc.property(commentedDocument, ({ value }) => {
    assert.deepEqual(valueOf(writeDocument(value)), value);
  }));
});

function commentsToKeep({ value, comments }: Commented, desired: unknown): string[] {
  return comments.flatMap(({ path, texts }) => {
    const [before, after] = [at(value, path), at(desired, path)];
    return before.found && after.found && isDeepStrictEqual(before.value, after.value) ? texts : [];
  });
}

function at(root: unknown, path: readonly string[]): { found: boolean; value: unknown } {
  let value = root;
  for (const key of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) {
      return { found: false, value: null };
    }
    value = (value as Record<string, unknown>)[key];
  }
  return { found: true, value };
}
