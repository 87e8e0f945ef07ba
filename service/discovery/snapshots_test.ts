import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveTargets } from "../targets/resolve.ts";
import { metricOf, podOf } from "../testing/documents.ts";
import { type Discovery, emptySnapshot } from "./discovery.ts";
import { Snapshots } from "./snapshots.ts";

type Source = Pick<Discovery, "name" | "clusters">;

const documents: Source = { name: "documents", clusters: "all" };
const first: Source = { name: "kubernetes c1", clusters: ["c1"] };
const second: Source = { name: "BCS storage", clusters: ["c2", "c3"] };

function unreadIn({ sources }: Snapshots) {
  return sources?.unread ?? null;
}

test("nothing is known before every source that speaks for all clusters has told", () => {
  const snapshots = new Snapshots([documents, first]);
  snapshots.take(first, emptySnapshot);
  assert.equal(unreadIn(snapshots), null);
  assert.deepEqual(snapshots.unread, [{ source: "documents", cluster: "" }]);
  assert.equal(snapshots.take(documents, emptySnapshot), true);
  assert.equal(snapshots.take(documents, emptySnapshot), false);
  assert.deepEqual(unreadIn(snapshots), []);
});

test("what the sources tell is merged, and a source that is unread concerns its own clusters alone", () => {
  const snapshots = new Snapshots([documents, first, second]);
  snapshots.take(documents, { ...emptySnapshot, pods: [podOf("by-hand", { ip: "10.0.0.9" })] });
  snapshots.take(first, { ...emptySnapshot, pods: [podOf("a", { ip: "10.0.0.1" })] });
  const sources = snapshots.sources ?? assert.fail();
  const targets = resolveTargets(metricOf("cart"), sources).targets.map(({ pod }) => pod);
  assert.deepEqual(targets, ["a", "by-hand"]);
  assert.deepEqual(["c1", "c2", "c3", "c4"].map((cluster) => sources.problemOf(cluster)), [
    "",
    "cluster c2 has not been read yet (source BCS storage)",
    "cluster c3 has not been read yet (source BCS storage)",
    "",
  ]);
  assert.equal(sources.within(() => false).problemOf("c2"), sources.problemOf("c2"));
  assert.deepEqual(snapshots.unreadCounts, { "": 0, c1: 0, c2: 1, c3: 1 });
  snapshots.take(second, emptySnapshot);
  assert.deepEqual(snapshots.unreadCounts, { "": 0, c1: 0, c2: 0, c3: 0 });
  assert.equal(snapshots.sources?.problemOf("c2"), "");
});
