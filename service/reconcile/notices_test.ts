import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorOf } from "../testing/documents.ts";
import { NoticeBoard, noticesOf } from "./notices.ts";

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

test("a notice is told once as long as it lasts, and again when it comes back", () => {
  const board = new NoticeBoard();
  const notice = { ...place, type: "document.ignored", name: "w", detail: "" } as const;
  assert.deepEqual(board.fresh([notice]), [notice]);
  assert.deepEqual(board.fresh([notice]), []);
  assert.deepEqual(board.fresh([]), []);
  assert.deepEqual(board.fresh([notice]), [notice]);
});
