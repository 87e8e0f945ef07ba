import assert from "node:assert/strict";
import { test } from "node:test";
import { type DocumentOptions, formatProblem, readDocument } from "./document.ts";
import { timeoutSeconds } from "./schema.ts";

const path = "BCS-K8S-00001/metric/shop/cart.yaml";
const head = `apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: BCS-K8S-00001, namespace: shop, name: cart }
`;
const options: DocumentOptions = { frequencyMinSeconds: 60 };

function problemsOf(text: string, at = path, over: Partial<DocumentOptions> = {}): string[] {
  const read = readDocument(at, text, { ...options, ...over });
  return read.ok ? [] : read.problems.map(formatProblem);
}

/** Checks a Metric with this spec; the places are given without the path. */
function check(spec: string, ...want: string[]): void {
  assert.deepEqual(problemsOf(`${head}spec:\n${spec}`), want.map((one) => `${path}:${one}`), spec);
}

const good = `  version: "3"\n  port: 9100\n  uri: /metrics\n`;

test("the example of the design is read, with its defaults", () => {
  const read = readDocument(
    path,
    `${head}spec:
  version: "3"            # must change whenever anything in spec changes
  clusterType: k8s
  selector: { app: cart }
  port: 9100
  uri: /metrics
  method: GET
  frequency: 60
  timeout: 10
  metricType: prometheus
  dataId: 1500001
  parameters: {}
  head: {}
  constLabels: { team: trade }
`,
    options,
  );
  assert.ok(read.ok);
  assert.equal(read.document.kind, "Metric");
  assert.deepEqual(read.document.metadata, {
    clusterId: "BCS-K8S-00001",
    namespace: "shop",
    name: "cart",
    labels: {},
    annotations: {},
  });
  const { spec } = read.document;
  assert.ok("uri" in spec);
  assert.deepEqual([spec.scheme, spec.honorTimestamps, spec.limits.samples], ["http", true, 0]);
});

test("each kind of document is read from its folder", () => {
  const documentOf = (kind: string, spec: string) =>
    `apiVersion: bcs-metric/v1\nkind: ${kind}\nmetadata: { clusterId: c1, namespace: n, name: x }\nspec: ${spec}\n`;
  const checkKind = (kind: string, folder: string, spec: string) =>
    assert.deepEqual(problemsOf(documentOf(kind, spec), `c1/${folder}/n/x.yaml`), []);
  checkKind("Task", "task", "{ selector: { app: cart }, pods: [{ ip: 10.0.0.1, port: 80, meta: { name: a } }] }");
  checkKind("Application", "application", "{ instances: [{ name: a-0, ip: 10.0.0.1, ports: [{ port: 80 }] }] }");
  checkKind("Collector", "collector", "{ replicas: 2, template: { anything: [1] } }");
  checkKind("Collection", "collection", "{ generation: 1, digest: x, metrics: [] }");
});

test("an invalid YAML file is named with its place", () => {
  const open = "this line is not indented enough; is a quotation mark or bracket before it left open?";
  check(`  version: "3\n`, `6:1: ${open}`);
  check(`${good}  selector: {a: 1\n`, `9:1: ${open}`);
  check(`${good}  selector: a: 1\n`, "8:14: bad indentation of a mapping entry");
  check(`${good} frequency: 90\n`, "8:2: bad indentation of a mapping entry");
});

test("an unknown key is named with its place and what was probably meant", () => {
  check(`${good}  frequncy: 60\n`, '8:3: unknown key "frequncy"; did you mean "frequency"?');
  check(`${good}  Timeout: 5\n`, '8:3: unknown key "Timeout"; did you mean "timeout"?');
  check(`${good}  banana: 5\n`, '8:3: unknown key "banana"');
  check(
    `${good}  limits: { sample: 5, x: 1 }\n`,
    '8:13: unknown key "sample"; did you mean "samples"?',
    '8:24: unknown key "x"',
  );
  check(
    `${good}  relabelings:\n    - { sourceLabel: [a], targetLabel: b }\n`,
    '9:9: unknown key "sourceLabel"; did you mean "sourceLabels"?',
  );
  check(`${good}  <<: { frequency: 60 }\n`, "8:3: merge keys (<<) are not supported; write the values out");
  assert.deepEqual(problemsOf(`${head}spec:\n${good}status: {}\n`), [`${path}:8:1: unknown key "status"`]);
});

test("a bad name is named with its place", () => {
  const named = (name: string) => head.replace("name: cart", `name: ${name}`) + `spec:\n${good}`;
  const rule = "must consist of letters, digits, '.', '_' and '-', and begin and end with a letter or digit";
  assert.deepEqual(problemsOf(named(`"../cart"`)), [`${path}:3:62: name ${rule}`]);
  assert.deepEqual(problemsOf(named("-cart")), [`${path}:3:62: name ${rule}`]);
  assert.deepEqual(problemsOf(named(`""`)), [`${path}:3:62: name is empty`]);
  assert.deepEqual(problemsOf(named("n".repeat(254))), [`${path}:3:62: name is longer than 253 bytes`]);
  assert.deepEqual(problemsOf(named("cart").replace("shop", "shop/a")), [`${path}:3:50: namespace ${rule}`]);
  assert.deepEqual(problemsOf(named("3")), [`${path}:3:62: must be text, not a number; put it in quotes`]);
});

test("a duplicate key is named with both its places", () => {
  check(`${good}  port: 9200\n`, '8:3: duplicate key "port"; it stands at 6:3 already');
});

test("a file that does not match its path says in what", () => {
  const text = `${head}spec:\n${good}`;
  const checkPath = (at: string, ...want: string[]) =>
    assert.deepEqual(problemsOf(text, at), want.map((one) => `${at}:${one}`));
  checkPath("BCS-K8S-00001/metric/shop/card.yaml", "3:62: file says name cart but its path says card");
  checkPath(
    "BCS-K8S-00002/metric/shops/cart.yaml",
    "3:24: file says clusterId BCS-K8S-00001 but its path says BCS-K8S-00002",
    "3:50: file says namespace shop but its path says shops",
  );
  checkPath(
    "BCS-K8S-00001/task/shop/cart.yaml",
    '2:7: file says kind Metric but its path says Task: a Metric belongs in a folder "metric"',
  );
  checkPath(
    "BCS-K8S-00001/metrics/shop/cart.yaml",
    '1:1: no kind of document lives in a folder "metrics"; did you mean "metric"?',
  );
  checkPath(
    "cart.yaml",
    "1:1: the file is not at the place of a document: "
      + "<clusterId>/<metric|task|application|collector|collection>/<namespace>/<name>.yaml",
  );
  checkPath(
    "BCS-K8S-00001/metric/shop/my cart.yaml",
    `1:1: the name "my cart" in the file's path must consist of letters, digits, '.', '_' and '-', `
      + "and begin and end with a letter or digit",
  );
  assert.deepEqual(problemsOf(text, "anywhere.yaml", { key: null }), []);
});

test("a kind or version of the format that is not known is named, and the rest is checked as its folder says", () => {
  const text = `apiVersion: v1\nkind: Metrics\nmetadata: { clusterId: BCS-K8S-00001, namespace: shop, name: cart }
spec:\n  version: "3"\n  port: 9100\n  uri: metrics\n`;
  assert.deepEqual(problemsOf(text), [
    `${path}:1:13: must be "bcs-metric/v1"`,
    `${path}:2:7: unknown kind "Metrics"; did you mean "Metric"?`,
    `${path}:7:8: must begin with /`,
  ]);
  assert.deepEqual(problemsOf("- 1\n"), [`${path}:1:1: must be a mapping with apiVersion, kind, metadata and spec`]);
  assert.deepEqual(problemsOf("kind: 3\n", path, { key: null }), [
    `${path}:1:7: must be one of Metric, Task, Application, Collector, Collection`,
  ]);
});

test("a wrong value is named in plain words", () => {
  check(
    `  version: 3
  port: "9100"
  method: get
  frequency: "60"
  dataId: 1.5
  honorLabels: yes
  timeout: -1
  selector:
  constLabels: [a]
  head: { "a b": c }
`,
    '4:1: missing key "uri"',
    "5:12: must be text, not a number; put it in quotes",
    "6:9: must be a port number from 1 to 65535 (without quotes) or the name of a container port",
    '7:11: must be one of "GET", "POST"; did you mean "GET"?',
    "8:14: must be a number, not text; remove the quotes",
    "9:11: must be a whole number, not a number with a fraction",
    "10:16: must be true or false, not text",
    "11:12: must be more than 0",
    "12:3: must be a mapping, not nothing",
    "13:16: must be a mapping, not a list",
    '14:11: key "a b" is no HTTP header name',
  );
});

test("the value of a secret that is written down is not repeated", () => {
  const problems = problemsOf(`${head}spec:\n${good}  auth: { bearer: hunter2 }\n`);
  assert.deepEqual(problems, [`${path}:8:19: must be a reference such as env:NAME or file:NAME`]);
});

test("a frequency below the operator's minimum is refused", () => {
  const low = `${good}  frequency: 15\n`;
  check(
    low,
    "8:14: frequency 15 is below the minimum of 60 seconds, which the operator lowers with --frequency-min",
  );
  assert.deepEqual(problemsOf(`${head}spec:\n${low}`, path, { frequencyMinSeconds: 15 }), []);
});

test("a timeout is at most the frequency, which is 60 by default", () => {
  check(`${good}  timeout: 60\n`);
  check(`${good}  timeout: 61\n`, "8:12: timeout 61 is longer than the frequency of 60 seconds");
  check(`${good}  frequency: 90\n  timeout: 90.5\n`, "9:12: timeout 90.5 is longer than the frequency of 90 seconds");
  assert.equal(timeoutSeconds({ frequency: 60 }), 10);
  assert.equal(timeoutSeconds({ frequency: 5 }), 5);
  assert.equal(timeoutSeconds({ frequency: 60, timeout: 30 }), 30);
});

test("a file that is wrong throughout gives a hundred problems and the count of the rest", () => {
  const keys = Array.from({ length: 130 }, (_, index) => `  banana${index}: 1\n`).join("");
  const problems = problemsOf(`${head}spec:\n${good}${keys}`);
  assert.equal(problems.length, 101);
  assert.equal(problems.at(-1), `${path}:107:3: 30 more problems follow`);
});

test("a relabelling rule that cannot work is refused at its place", () => {
  check(
    `${good}  relabelings:
    - { sourceLabels: [a], action: keep, regex: "a(" }
    - { action: hashmod, targetLabel: x }
  metricRelabelings:
    - action: labeldrop
      regex: x
      separator: "-"
    - { action: replaced, targetLabel: x }
    - { sourceLabels: [a] }
`,
    "9:49: is no regular expression of RE2: missing closing ): `a(`",
    '10:7: missing key "modulus"',
    "14:18: is not used by action labeldrop: remove it",
    '15:17: must be one of "replace", "keep", "drop", "keepequal", "dropequal", "hashmod", "labelmap", "labeldrop", '
      + '"labelkeep", "lowercase", "uppercase"; did you mean "replace"?',
    '16:7: missing key "targetLabel"',
  );
});
