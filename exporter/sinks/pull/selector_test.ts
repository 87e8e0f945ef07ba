import assert from "node:assert/strict";
import { test } from "node:test";
import { labelList } from "../batch_testing.ts";
import { parseSelector } from "./selector.ts";

const series = [
  { __name__: "up", job: "shop" },
  { __name__: "up", job: "cart" },
  { __name__: "http_requests_total", job: "shop", code: "200" },
  { __name__: "http_requests_total", job: "shop", code: "503", path: "/a\nb" },
  { __name__: "name.with.dots", job: "x" },
];

/** The numbers of the series that are selected. */
function check(selector: string, want: readonly number[]): void {
  const selects = parseSelector(selector);
  assert.deepEqual(series.flatMap((labels, index) => selects(labelList(labels)) ? [index] : []), want, selector);
}

test("selectors mean what they mean in PromQL", () => {
  check("up", [0, 1]);
  check(`up{job="shop"}`, [0]);
  check(`{job="shop"}`, [0, 2, 3]);
  check(` { job = 'shop' , code != "200" , } `, [0, 3]);
  check(`{job=~"sh.p|x"}`, [0, 2, 3, 4]);
  check(`{job=~"sho"}`, []);
  check(`{__name__=~"http.*",code!~"5.."}`, [2]);
  check(`{job!="",code=""}`, [0, 1, 4]);
  check(`{job=~".+",code=~".*0.*"}`, [2, 3]);
  check(`{path=~"/a.b"}`, [3]);
  check(`{path="/a\\nb"}`, [3]);
  check("{path=~`/a\\nb`}", [3]);
  check(`{path="\\x2fa\\u000ab"}`, [3]);
  check(`{"name.with.dots"}`, [4]);
  check(`{"name.with.dots","job"="x"}`, [4]);
  check(`up{}`, [0, 1]);
});

test("what is no selector is told with its place", () => {
  function refused(selector: string, want: RegExp) {
    assert.throws(() => parseSelector(selector), (error: Error) => {
      assert.equal(error.name, "RangeError");
      assert.match(error.message, want);
      return true;
    });
  }
  refused("", /expected a name or { at position 1/);
  refused("{}", /expected a name/);
  refused("up x", /expected a name or { at position 4/);
  refused("up{job}", /expected =, !=, =~ or !~ at position 7/);
  refused("up{job=shop}", /expected a value in quotes at position 8/);
  refused(`up{job="shop"`, /expected , or }/);
  refused(`up{job="shop" code="1"}`, /expected , or } at position 15/);
  refused(`{job=~".*"}`, /at least one matcher must not accept an empty value/);
  refused(`{job!="x"}`, /at least one matcher/);
  refused(`up{job=~"("}`, /Cannot use regular expression "\("/);
  refused(`up{job=~"(?=x)"}`, /Cannot use regular expression/);
  refused(`up{job=~"${"x".repeat(1001)}"}`, /more than 1000 characters/);
  refused(`up{job="\\q"}`, /Cannot read "\\q"/);
  refused("u".repeat(10_001), /more than 10000 characters/);
});

test("a regular expression that would take others for ever is answered at once", () => {
  const selects = parseSelector(`{job=~"(a*)*b"}`);
  const startMs = performance.now();
  assert.equal(selects([{ name: "job", value: "a".repeat(5000) }]), false);
  assert.ok(performance.now() - startMs < 2000);
});
