import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorOf } from "../testing/documents.ts";
import { NoticeBoard, noticesOf, unreadNotices } from "./notices.ts";

const place = { clusterId: "c1", namespace: "shop" };

test("of several collector documents all but the first by name are told of, with the one that counts", () => {
  const collectors = [collectorOf("w", 1), collectorOf("v", 2), collectorOf("x", 1, "bank")];
  const [notice, ...others] = noticesOf({ namespaces: [] }, { collectors });
  assert.deepEqual(others, []);
  assert.deepEqual([notice?.type, notice?.name], ["document.ignored", "c1/collector/shop/w.yaml"]);
  assert.match(notice?.detail ?? "", /here "v"/);
});

test("a collector that is given up is told of", () => {
  const namespaces = [{ ...place, generation: 1, targets: [], givenUp: ["w-1"] }];
  const [notice] = noticesOf({ namespaces }, { collectors: [] });
  assert.deepEqual([notice?.type, notice?.name], ["collector.given-up", "w-1"]);
});

test("a source that was never read is told of, with its cluster", () => {
  const [notice] = unreadNotices([{ source: "kubernetes c2", cluster: "c2" }]);
  assert.deepEqual([notice?.type, notice?.clusterId, notice?.name], ["cluster.unread", "c2", "kubernetes c2"]);
});

test("a notice is told once as long as it lasts, and again when it comes back", () => {
  const board = new NoticeBoard();
  const notice = { ...place, type: "document.ignored", name: "w", detail: "" } as const;
  assert.deepEqual(board.fresh([notice], 0), [notice]);
  assert.deepEqual(board.fresh([notice], 1), []);
  assert.deepEqual(board.fresh([], 2), []);
  assert.deepEqual(board.fresh([notice], 3), [notice]);
});

test("a problem that comes and goes is told once, and again after it was gone for long", () => {
  const board = new NoticeBoard();
  const notice = { ...place, type: "workload.problem", name: "w", detail: "w-0 ends" } as const;
  const other = { ...notice, detail: "w-1 ends" };
  const told = [[notice], [], [notice], [other], [notice, other], []].map((present, index) =>
    board.fresh(present, index * 1000)
  );
  assert.deepEqual(told, [[notice], [], [], [other], [], []]);
  assert.deepEqual(board.fresh([], 700_000), []);
  assert.deepEqual(board.fresh([notice], 700_001), [notice]);
});
