import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { ReportedEntries } from "./etcd_entries.ts";
import { noLease, rangeEnd, toBase64 } from "./etcd_messages.ts";
import type { StoreEvent } from "./store.ts";

const prefix = "bcs-metric/";

function keyValue(path: string, revision: number, value: string | Uint8Array = `${path}@${revision}`) {
  return {
    key: toBase64(prefix + path),
    value: Buffer.from(value).toString("base64"),
    mod_revision: revision,
    lease: noLease,
  };
}

function brief(events: readonly (StoreEvent | null)[]): string[] {
  return events.map((event) => {
    if (event === null) return "nothing";
    if (event.type === "put") return `put ${event.entry.text}`;
    return "path" in event ? `${event.type} ${event.path}` : event.type;
  });
}

test("a listing reports what differs from what was reported before", () => {
  const reported = new ReportedEntries(prefix);
  const first = [keyValue("a.yaml", 1), keyValue("b.yaml", 2), keyValue("c.yaml", 3)];
  assert.deepEqual(brief(reported.takeAll(first)), ["put a.yaml@1", "put b.yaml@2", "put c.yaml@3"]);
  const second = [keyValue("a.yaml", 1), keyValue("b.yaml", 5), keyValue("d.yaml", 4)];
  assert.deepEqual(brief(reported.takeAll(second)), ["put b.yaml@5", "put d.yaml@4", "delete c.yaml"]);
  assert.deepEqual(reported.takeAll(second), []);
});

test("a change is reported once, and a deletion only of what was reported", () => {
  const reported = new ReportedEntries(prefix);
  const take = (type: "PUT" | "DELETE", path: string, revision: number) =>
    reported.takeChange(type, keyValue(path, revision));
  const events = [
    take("DELETE", "a.yaml", 1),
    take("PUT", "a.yaml", 2),
    take("PUT", "a.yaml", 2),
    take("PUT", "a.yaml", 3),
    take("DELETE", "a.yaml", 4),
    take("DELETE", "a.yaml", 5),
  ];
  assert.deepEqual(brief(events), ["nothing", "put a.yaml@2", "nothing", "put a.yaml@3", "delete a.yaml", "nothing"]);
});

test("a value that is no text or too large is unreadable, and what is no entry is not seen", () => {
  const reported = new ReportedEntries(prefix);
  const broken = keyValue("a.yaml", 1, Uint8Array.of(0xff, 0xfe));
  const huge = keyValue("b.yaml", 1, "x".repeat(1024 * 1024 + 1));
  const largest = keyValue("c.yaml", 1, "x".repeat(1024 * 1024));
  const others = [keyValue(".git/config", 1), keyValue("notes.txt", 1), keyValue("", 1), {
    ...broken,
    key: Buffer.concat([Buffer.from(prefix), Buffer.of(0xff)]).toString("base64"),
  }];
  const events = reported.takeAll([broken, huge, largest, ...others]);
  assert.deepEqual(events.map(({ type }) => type), ["unreadable", "unreadable", "put"]);
  assert.deepEqual(brief(reported.takeAll([keyValue("a.yaml", 2), largest])), ["put a.yaml@2", "delete b.yaml"]);
});

test("the end of a prefix's range is right behind it", () => {
  assert.equal(Buffer.from(rangeEnd("bcs-metric/"), "base64").toString(), "bcs-metric0");
});
