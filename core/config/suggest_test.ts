import assert from "node:assert/strict";
import { test } from "node:test";
import { closest } from "./suggest.ts";

test("the nearest candidate is suggested, if one is near", () => {
  const keys = ["port", "parameters", "frequency", "timeout", "metricType", "metricRelabelings"];
  const check = (word: string, want: string | null) => assert.equal(closest(word, keys), want, word);
  check("prot", "port");
  check("Port", "port");
  check("frequncy", "frequency");
  check("freqeuncy", "frequency");
  check("time_out", "timeout");
  check("metrictype", "metricType");
  check("interval", null);
  check("po", null);
  check("", null);
  check("x".repeat(100_000), null);
});
