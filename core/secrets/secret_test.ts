import assert from "node:assert/strict";
import { test } from "node:test";
import { format, inspect } from "node:util";
import { makeLogger } from "../telemetry/log.ts";
import { Secret } from "./secret.ts";

const canary = "canary-9f3b";

test("a secret prints as <redacted>, whatever prints it", () => {
  const secret = new Secret(canary);
  const printed = [
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
    format("%s %o %j", secret, secret, secret),
    new Error(["Cannot use", secret].join(" ")).stack ?? "",
    Object.values(secret).join(),
  ];
  for (const text of printed) assert.ok(!text.includes(canary), text);
  assert.equal(JSON.stringify({ secret }), '{"secret":"<redacted>"}');
  assert.equal(secret.reveal(), canary);
});

test("a logged secret is redacted", () => {
  const lines: string[] = [];
  const log = makeLogger("test", "info", { write: (line) => void lines.push(line) });
  log.info(
    { secret: new Secret(canary), inside: { list: [new Secret(canary)] } },
    ["with", new Secret(canary)].join(" "),
  );
  assert.equal(lines.length, 1);
  assert.ok(!lines.join().includes(canary));
  assert.match(lines.join(), /<redacted>/);
});
