import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDraft } from "../../core/config/document.ts";
import type { DocumentKey } from "../../core/config/key.ts";
import { readYaml } from "../../core/config/yaml.ts";
import { completeDraft } from "./draft.ts";
import { describeProblem, withFields } from "./problem_fields.ts";

/** What is said of a document's text, in the order of its places. */
function said(kind: "Metric" | "Task", text: string): string[] {
  const key: DocumentKey = { clusterId: "c1", kind, namespace: "shop", name: "cart" };
  const read = readYaml(text);
  assert.ok(read.ok);
  const { value } = read.document;
  const checked = checkDraft("cart.yaml", completeDraft(value, key), { key, frequencyMinSeconds: 60 }, read.document);
  assert.ok(!checked.ok);
  return withFields(checked.problems, value, read.document).map(describeProblem);
}

test("each problem names its field, wherever the text has it", () => {
  const block = `spec:
  version: 1
  port: 99999
  uri: metrics
  frequency: 5
  prot: 1
  tls:
    insecureSkipVerify: perhaps
`;
  const problems = [
    "spec.version must be text, not a number; put it in quotes",
    "spec.port must be at most 65535",
    "spec.uri must begin with /",
    "spec.frequency: frequency 5 is below the minimum of 60 seconds, which the operator lowers with --frequency-min",
    'spec.prot: unknown key "prot"; did you mean "port"?',
    "spec.tls.insecureSkipVerify must be true or false, not text",
  ];
  assert.deepEqual(said("Metric", block), problems);
  const flow =
    `spec: {version: 1, port: 99999, uri: metrics, frequency: 5, prot: 1, tls: {insecureSkipVerify: perhaps}}`;
  assert.deepEqual(said("Metric", flow), problems);
});

test("items of lists are numbered, and what is missing is told of what should have it", () => {
  const pods = "spec:\n  selector: {}\n  pods:\n    - { ip: 10.0.0.1, port: 1 }\n    - { ip: 10.0.0.2, port: x }\n";
  assert.deepEqual(said("Task", pods), ["spec.pods[1].port must be a number, not text"]);
  assert.deepEqual(said("Metric", 'spec: { version: "1", uri: /metrics }'), ['spec: missing key "port"']);
  assert.deepEqual(said("Metric", "{}"), ['missing key "spec"']);
});
