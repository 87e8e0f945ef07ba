import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrometheusText } from "./prometheus_text.ts";
import { familyLines, sampleLines, utf8 } from "./testing/texts.ts";

function check(input: string, want: string[]): void {
  assert.deepEqual(familyLines(parsePrometheusText(utf8(input))), want, input);
}

test("series of histograms and summaries belong to the family of their type", () => {
  check('# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\nh_created 1\n', ["h histogram 4"]);
  check('# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 1\ns_count 1\n', ["s summary 3"]);
  check("# TYPE c counter\nc_total 1\n", ["c counter 1"]);
  check("# TYPE c_total counter\nc_total 1\n", ["c_total counter 1"]);
});

test("a suffix that the type does not have makes another family", () => {
  check("# TYPE h histogram\nh_total 1\nh_bucketx 1\nh 1\n", [
    "h histogram 1",
    "h_total unknown 1",
    "h_bucketx unknown 1",
  ]);
  check("# TYPE g gauge\ng_sum 1\n", ["g gauge 0", "g_sum unknown 1"]);
  check("# HELP u help\nu_count 1\n", ['u unknown 0 help="help"', "u_count unknown 1"]);
});

test("metadata of exactly the sample's name goes before a suffix", () => {
  check("# TYPE h histogram\n# TYPE h_count gauge\nh_count 1\nh_sum 1\n", ["h histogram 1", "h_count gauge 1"]);
});

test("samples without metadata form families of their own names", () => {
  check("h_bucket 1\nh_sum 2\nh_bucket 3\n", ["h_bucket unknown 2", "h_sum unknown 1"]);
});

test("families stand in the order of their first line and collect what is mixed", () => {
  const exposition = parsePrometheusText(utf8('b 1\n# TYPE a gauge\na 1\nb{x="1"} 2\n# HELP b late\na{x="1"} 2\n'));
  assert.deepEqual(familyLines(exposition), ['b unknown 2 help="late"', "a gauge 2"]);
  assert.deepEqual(sampleLines(exposition), ["b{} 1", 'b{x="1"} 2', "a{} 1", 'a{x="1"} 2']);
});

test("a TYPE behind the samples still types them", () => {
  check('h_bucket{le="+Inf"} 1\n# TYPE h histogram\nh_sum 1\n', ["h histogram 2"]);
});

test("the last of repeated metadata counts", () => {
  check("# TYPE a gauge\n# HELP a one\n# TYPE a counter\n# HELP a two\n", ['a counter 0 help="two"']);
});

test("names that are members of every object are names like others", () => {
  check("constructor 1\n__proto__ 1\n# TYPE toString gauge\ntoString_sum 1\n", [
    "constructor unknown 1",
    "__proto__ unknown 1",
    "toString gauge 0",
    "toString_sum unknown 1",
  ]);
});
