import { test } from "node:test";
import { parseOpenMetrics } from "./open_metrics.ts";
import { assertRefused, utf8 } from "./testing/texts.ts";

function checkAccepted(...inputs: string[]): void {
  for (const input of inputs) parseOpenMetrics(utf8(`${input}# EOF\n`), { strict: true });
}

/** The strict reader refuses it at `want`; the lenient one takes it. */
function checkRefused(input: string, want: string): void {
  const body = utf8(`${input}# EOF\n`);
  parseOpenMetrics(body, { strict: false });
  assertRefused(() => parseOpenMetrics(body, { strict: true }), want, input);
}

const infBucket = '_bucket{le="+Inf"}';

test("metadata comes once and before the samples", () => {
  checkRefused("# TYPE a gauge\n# TYPE a gauge\n", '2:8: a second TYPE line of "a"');
  checkRefused("# HELP a \n# HELP a \n", '2:8: a second HELP line of "a"');
  checkRefused("# UNIT a_s s\n# UNIT a_s s\n", '2:8: a second UNIT line of "a_s"');
  checkRefused("# HELP a x\na 1\n# TYPE a gauge\n", '3:8: the TYPE line of "a" comes after its samples');
  checkRefused("# TYPE a_s gauge\na_s 1\n# UNIT a_s s\n", '3:8: the UNIT line of "a_s" comes after its samples');
});

test("families are not mixed", () => {
  checkRefused("a 1\nb 1\na 2\n", '3:1: the lines of the family "a" do not follow each other');
  checkRefused("# TYPE a gauge\n# TYPE b gauge\n# HELP a x\n", '3:8: the lines of the family "a" do not follow');
  checkRefused(`# TYPE h histogram\nh${infBucket} 1\nb 1\nh_count 1\n`, '4:1: the lines of the family "h" do not');
  checkAccepted('# TYPE "a.b" gauge\n{"a.b"} 1\n{"a.b",x="1"} 1\nb 1\n', "b 1\n");
});

test("sample names fit the type", () => {
  checkRefused("# TYPE a counter\na 1\n", '2:1: "a" is not a sample of the counter a, which has a_total, a_created');
  checkRefused("# TYPE a histogram\na 1\n", '2:1: "a" is not a sample of the histogram a');
  checkRefused("# TYPE a info\na 1\n", '2:1: "a" is not a sample of the info a');
});

test("names of two families do not clash", () => {
  checkRefused("# TYPE a_created gauge\n# TYPE a counter\n", '2:8: the families "a_created" and "a" both have');
  checkRefused("# TYPE a counter\n# TYPE a_total gauge\n", '2:8: the families "a" and "a_total" both have');
  checkRefused("a_sum 1\n# TYPE a summary\n", '2:8: the families "a_sum" and "a" both have the sample name "a_sum"');
  checkAccepted("# TYPE a_created gauge\n# TYPE a gauge\n");
});

test("the unit fits name and type", () => {
  checkRefused("# TYPE x_u info\n# UNIT x_u u\n", "1:8: a family of type info has no unit");
  checkRefused("# UNIT x_u u\n# TYPE x_u stateset\n", "1:8: a family of type stateset has no unit");
  checkRefused('# UNIT "x_µ" µ\n', '1:8: the unit "µ" is not a name');
  checkAccepted("# TYPE x_u info\n# UNIT x_u \n");
});

test("the samples of a metric follow each other, with timestamps that go forward", () => {
  checkRefused('a{x="1"} 1\na{x="2"} 1\na{x="1"} 1\n', "3:1: the samples of a metric are mixed with others");
  checkRefused(
    '# TYPE s summary\ns_count{x="1"} 1\ns_count{x="2"} 1\ns_sum{x="1"} 1\n',
    "4:1: the samples of a metric are mixed",
  );
  checkRefused("a 1 2\na 1 1\n", "2:1: the timestamps of the metric go back");
  checkRefused("a 1 -1\na 1 -1.1\n", "2:1: the timestamps of the metric go back");
  checkRefused("a 1 1\na 1\n", "2:1: some samples of the metric have a timestamp and some have none");
  checkRefused("a 1\na 1\n", "2:1: the series occurs twice");
  checkRefused('a{x="1",y=""} 1\na{x="1"} 1\n', "2:1: the series occurs twice");
  checkRefused("a 1 1\na 1 1\n", "2:1: the series occurs twice");
  checkAccepted(
    "a 1 1\na 1 1.0001\na 1 2\n",
    'a{x="1"} 1 5\na{x="2"} 1 1\n',
    "# TYPE s summary\ns_count 0 1\ns_sum 0 1\ns_count 0 2\ns_sum 0 2\n",
  );
});

test("counters are not negative and not NaN", () => {
  checkRefused("# TYPE a counter\na_total -1\n", "2:1: a_total must not be negative or NaN");
  checkRefused("# TYPE a counter\na_total NaN\n", "2:1: a_total must not be negative or NaN");
  checkRefused("# TYPE a summary\na_sum -1\n", "2:1: a_sum must not be negative or NaN");
  checkRefused("# TYPE a summary\na_count 0.5\n", "2:1: a_count must be a whole number");
  checkAccepted(
    "# TYPE a counter\na_total 0.5\n",
    "# TYPE a counter\na_total +Inf\n",
    "# TYPE a gauge\na -1\n",
    "a NaN\n",
  );
});

test("infos are 1 and states are 0 or 1", () => {
  checkRefused("# TYPE a info\na_info 2\n", "2:1: the value of an info must be 1");
  checkRefused('# TYPE a stateset\na{a="x"} 2\n', "2:1: the value of a state must be 0 or 1");
  checkRefused("# TYPE a stateset\na 1\n", '2:1: the stateset\'s sample has no label "a"');
});

test("quantiles are numbers from 0 to 1", () => {
  for (const quantile of ["-1", "1.01", "NaN", "x", ""]) {
    checkRefused(`# TYPE a summary\na{quantile="${quantile}"} 1\n`, '2:1: the label "quantile" is');
  }
  checkRefused("# TYPE a summary\na 1\n", '2:1: the summary\'s sample has no label "quantile"');
  checkRefused('# TYPE a summary\na{quantile="0.5"} -1\n', "2:1: the value of a quantile must not be negative");
  checkRefused('# TYPE a summary\na_sum{quantile="0.5"} 1\n', '2:1: a_sum must not have the label "quantile"');
  checkAccepted('# TYPE a summary\na{quantile="0"} NaN\na{quantile="1"} 1\n');
});

test("buckets have bounds that increase up to +Inf, and accumulate", () => {
  const type = "# TYPE a histogram\n";
  checkRefused(`${type}a_bucket 1\n`, '2:1: the bucket has no label "le"');
  checkRefused(`${type}a_bucket{le="x"} 1\n`, '2:1: the label "le" is "x", not a number');
  checkRefused(`${type}a_bucket{le="NaN"} 1\n`, '2:1: the label "le" is "NaN"');
  checkRefused(`${type}a_bucket{le="+INF"} 1\n`, '2:1: the label "le" is "+INF": write "+Inf"');
  checkRefused(`${type}a_bucket{le="2"} 0\na_bucket{le="1"} 0\n`, "3:1: the buckets are not in increasing order");
  checkRefused(`${type}a_bucket{le="1"} 0\na_bucket{le="1.0"} 0\n`, "3:1: the buckets are not in increasing order");
  checkRefused(`${type}a_bucket{le="1"} 2\na${infBucket} 1\n`, "3:1: the bucket holds less than the one before it");
  checkRefused(
    `${type}a_bucket{le="1"} 2\na_bucket{le="2"} 2\n`,
    '3:1: the histogram "a" has no bucket with le="+Inf"',
  );
  checkRefused(`${type}a_sum 1\n`, '2:1: the histogram "a" has no bucket with le="+Inf"');
  checkRefused(`${type}a${infBucket} 0.5\n`, "2:1: a_bucket must be a whole number, not below 0");
  checkRefused(`${type}a${infBucket} -1\n`, "2:1: a_bucket must be a whole number");
  checkAccepted(`${type}a${infBucket} 0\n`, `${type}a_bucket{le="-Inf"} 1\na${infBucket} 1\n`);
});

test("sum and count come together and fit the buckets", () => {
  const type = "# TYPE a histogram\n";
  checkRefused(`${type}a${infBucket} 1\na_sum 1\n`, '3:1: the histogram "a" has a sum but no count');
  checkRefused(`${type}a${infBucket} 1\na_count 1\n`, '3:1: the histogram "a" has a count but no sum');
  checkRefused(`${type}a${infBucket} 1\na_count 2\na_sum 1\nb 1\n`, '4:1: the histogram "a" has a count that differs');
  checkRefused(
    `${type}a_bucket{le="-1"} 0\na${infBucket} 1\na_count 1\na_sum 1\n`,
    '5:1: the histogram "a" has a sum although one of its bounds is negative',
  );
  checkRefused(`${type}a${infBucket} 1\na_count{le="1"} 1\n`, '3:1: a_count must not have the label "le"');
  // Each metric, and each point of it, is checked on its own.
  checkRefused(
    `${type}a_bucket{x="1",le="+Inf"} 1\na_bucket{x="2",le="1"} 1\nb 1\n`,
    '3:1: the histogram "a" has no bucket with le="+Inf"',
  );
  checkAccepted(`${type}a${infBucket} 2 1\na_count 2 1\na_sum 1 1\na${infBucket} 1 2\na_count 1 2\na_sum 1 2\n`);
});

test("the sum of a gauge histogram may be negative when a bound is", () => {
  const type = "# TYPE a gaugehistogram\n";
  checkRefused(`${type}a${infBucket} 1\na_gcount 1\na_gsum -1\n`, '4:1: the histogram "a" has a negative sum');
  checkRefused(`${type}a${infBucket} 1\na_gcount 1\na_gsum NaN\n`, "4:1: a_gsum must not be NaN");
  checkAccepted(`${type}a_bucket{le="-1"} 1\na${infBucket} 1\na_gcount 1\na_gsum -1\n`);
});

test("exemplars stand on buckets and totals, are short and within the bucket", () => {
  const counter = "# TYPE a counter\na_total 1";
  const only = "2:1: only buckets and the totals of counters have exemplars";
  checkRefused("# TYPE a gauge\na 1 # {} 1\n", only);
  checkRefused("# TYPE a counter\na_created 1 # {} 1\n", only);
  checkRefused("# TYPE a_total gauge\na_total 1 # {} 1\n", only);
  checkRefused(`${counter} # {a="${"é".repeat(128)}"} 1\n`, "2:1: the labels of the exemplar are longer than 128");
  checkAccepted(`${counter} # {a="${"😀".repeat(127)}"} 1\n`);
  checkRefused(`${counter} # {a="1",a="2"} 1\n`, '2:20: the label name "a" occurs twice');
  checkRefused(
    `# TYPE a histogram\na_bucket{le="1"} 1 # {} 2\na${infBucket} 1\n`,
    "2:1: the exemplar is above the bound of its bucket",
  );
  checkAccepted(`# TYPE a histogram\na_bucket{le="1"} 1 # {} 1\na${infBucket} 1 # {} 2\n`);
});

test("the stricter grammar has no trailing comma, no late metric name and no lone backslash", () => {
  checkRefused('a{x="1",} 1\n', '1:8: a "," is not allowed before "}"');
  checkRefused('{x="1","a"} 1\n', '1:8: the metric name "a" must stand before the labels');
  checkRefused("# HELP a x\\\n", "1:10: the help text ends with a backslash");
  checkRefused('{"a\nb"} 1\n', "1:4: the name has a line feed in it");
  checkRefused('# HELP "" x\n', "1:8: the metric name is empty");
  checkAccepted("# HELP a x\\\\\n", "# HELP a \\x\n");
});
