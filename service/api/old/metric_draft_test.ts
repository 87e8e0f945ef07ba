import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { documentSchemas, type MetricDocument } from "../../../core/config/schema.ts";
import { metricOf } from "../../testing/documents.ts";
import { metricDraft } from "./metric_draft.ts";
import { oldMetricField, oldMetricOf } from "./old_metric.ts";

function written(old: unknown, existing: MetricDocument | null): MetricDocument {
  const clusterType = existing?.spec.clusterType ?? "k8s";
  return documentSchemas.Metric.parse(metricDraft(oldMetricField.parse(old), clusterType, existing));
}

const names = fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), fc.string({ maxLength: 4 }));

const specs = fc.record({
  version: fc.stringMatching(/^[0-9a-z]{1,3}$/),
  clusterType: fc.constantFrom("k8s", "mesos", "bcs-components"),
  selector: names,
  port: fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constant("web")),
  uri: fc.webPath().map((path) => `/${path}`),
  method: fc.constantFrom("GET", "POST"),
  frequency: fc.integer({ min: 60, max: 3600 }),
  timeout: fc.option(fc.double({ min: 0.1, max: 60, noNaN: true }), { nil: undefined }),
  metricType: fc.constantFrom("prometheus", ""),
  dataId: fc.nat(),
  scheme: fc.constantFrom("http", "https"),
  parameters: names,
  head: names,
  constLabels: names,
  honorLabels: fc.boolean(),
  limits: fc.record({ samples: fc.nat() }),
  relabelings: fc.constantFrom([], [{ sourceLabels: ["a"], targetLabel: "b" }]),
  tls: fc.option(
    fc.record({ ca: fc.constantFrom("env:CA", undefined), insecureSkipVerify: fc.boolean() }, { requiredKeys: [] }),
    { nil: undefined },
  ),
  network: fc.option(
    fc.record({ networkMode: fc.constantFrom("HOST", ""), hostNetwork: fc.boolean() }, { requiredKeys: [] }),
    { nil: undefined },
  ),
  collector: fc.option(
    fc.record({ imageBase: fc.string({ maxLength: 4 }), replicas: fc.nat({ max: 9 }) }, { requiredKeys: [] }),
    { nil: undefined },
  ),
}, { requiredKeys: ["version", "port", "uri"] });

test("any metric that is got and set again as it came is unchanged, whatever else it has", () => {
  fc.assert(fc.property(specs, (spec) => {
    const document = metricOf("cart", spec);
    assert.deepEqual(written(JSON.parse(JSON.stringify(oldMetricOf(document))), document), document);
  }));
});

test("a metric that is set and got again says what was set", () => {
  fc.assert(fc.property(specs, (spec) => {
    const old = { ...oldMetricOf(metricOf("cart", { ...spec, port: 9100, tls: undefined })), imagePullSecrets: ["a"] };
    const back = oldMetricOf(written(old, null));
    assert.deepEqual(oldMetricField.parse(back), oldMetricField.parse(old));
  }));
});

test("a change by the old API keeps what it knows nothing of", () => {
  const existing = metricOf("cart", {
    port: "web",
    timeout: 0.5,
    scheme: "https",
    tls: { ca: "env:CA", serverName: "cart" },
    relabelings: [{ sourceLabels: ["a"], targetLabel: "b" }],
    limits: { samples: 10 },
    collector: { image: "x/y:1", replicas: 3, imageBase: "x" },
    network: { hostNetwork: true },
    parameters: { full: "1" },
  });
  existing.metadata.labels["team"] = "trade";
  const old = { ...oldMetricOf(existing), version: "2", parameters: null, hostNetwork: false, imageBase: "z" };
  const { metadata, spec } = written(old, existing);
  assert.deepEqual(metadata, existing.metadata);
  const { network: _, ...rest } = existing.spec;
  const collector = { ...existing.spec.collector, imageBase: "z" };
  assert.deepEqual(spec, { ...rest, version: "2", parameters: {}, collector });
});

test("a new metric's document has only what was said", () => {
  const old = oldMetricField.parse({ version: "1", name: "a", namespace: "n", clusterID: "c", port: 1, uri: "m" });
  assert.deepEqual(metricDraft(old, "mesos", null), {
    apiVersion: "bcs-metric/v1",
    kind: "Metric",
    metadata: { clusterId: "c", namespace: "n", name: "a" },
    spec: {
      version: "1",
      clusterType: "mesos",
      port: 1,
      uri: "/m",
      method: "GET",
      frequency: 60,
      timeout: 30,
      metricType: "",
      dataId: 0,
      scheme: "http",
    },
  });
});
