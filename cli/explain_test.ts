import assert from "node:assert/strict";
import { test } from "node:test";
import { explanationText } from "./explain.ts";

const chain = {
  cluster: "c1",
  namespace: "shop",
  metric: "cart",
  pod: "cart-0",
  address: "10.0.0.1:9100",
  ok: false,
  steps: [
    { step: "definition", ok: true, detail: "in force" },
    { step: "last scrape", ok: false, detail: "connection\u001b[31m refused" },
  ],
};

test("people get the verdict, the steps, and what is almost right", () => {
  const text = explanationText({
    ok: false,
    verdict: "cart-0 is down.",
    chains: [chain, { ...chain, pod: "", address: "", steps: [{ step: "delivery", ok: null, detail: "unknown" }] }],
    chainsOmitted: 0,
    nearMisses: [{
      namespace: "shop",
      metric: "cart",
      pod: "cart-9",
      reason: "label app is shop, the metric asks for cart",
    }],
    nearMissesOmitted: 3,
  });
  assert.equal(
    text,
    [
      "cart-0 is down.",
      "",
      "c1/shop/cart, cart-0 at 10.0.0.1:9100",
      "  ok   definition   in force",
      "  FAIL last scrape  connection [31m refused",
      "",
      "c1/shop/cart",
      "  ?    delivery     unknown",
      "",
      "NEARLY  METRIC     BUT",
      "cart-9  shop/cart  label app is shop, the metric asks for cart",
      "and 3 more",
      "",
    ].join("\n"),
  );
});

test("of many instances a few are shown, and the rest is counted", () => {
  const chains = Array.from({ length: 9 }, () => chain);
  const text = explanationText({
    ok: false,
    verdict: "9 are down.",
    chains,
    chainsOmitted: 91,
    nearMisses: [],
    nearMissesOmitted: 0,
  });
  assert.equal(text.match(/^c1\/shop\/cart, /gm)?.length, 5);
  assert.match(text, /\nand 95 more instances\n$/);
  const sound = chains.map((one) => ({ ...one, ok: true }));
  const good = { ok: true, verdict: "9 up.", chains: sound, chainsOmitted: 0, nearMisses: [], nearMissesOmitted: 0 };
  assert.match(explanationText(good), /^9 up\.\n\nc1\/shop\/cart, (?:(?!c1).)*\nand 8 more instances\n$/s);
});
