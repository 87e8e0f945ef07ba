import assert from "node:assert/strict";
import { test } from "node:test";
import { requireLoopback } from "./loopback.ts";

test("only loopback addresses are served", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) requireLoopback({ host, port: 7070 });
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "127.0.0.1.example", "::ffff:10.0.0.1"]) {
    assert.throws(() => requireLoopback({ host, port: 7070 }), { name: "UserError" });
  }
  assert.throws(() => requireLoopback({ host: "0.0.0.0", port: 7070 }), {
    message: "Cannot listen on 0.0.0.0:7070: without tokens only this machine may be served; "
      + "name a file of them with --tokens, or choose 127.0.0.1:7070",
  });
});
