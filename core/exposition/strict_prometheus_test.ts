import { test } from "node:test";
import { parsePrometheusText } from "./prometheus_text.ts";
import { assertRefused, utf8 } from "./testing/texts.ts";

function checkAccepted(...inputs: string[]): void {
  for (const input of inputs) parsePrometheusText(utf8(input), { strict: true });
}

/** The strict reader refuses it at `want`; the lenient one takes it. */
function checkRefused(input: string, want: string): void {
  parsePrometheusText(utf8(input));
  assertRefused(() => parsePrometheusText(utf8(input), { strict: true }), want, input);
}

test("what the format's description allows is accepted", () => {
  checkAccepted(
    "",
    "\n",
    "# a comment\n#\n# UNIT a b\n",
    '\t# HELP  a \\\\ \\n "é"\n # TYPE a  counter \n a {x = "1" , y="\\n",} +1 -5\n',
    '# TYPE h histogram\nh_bucket{le="1"} 0\nh_bucket{le="+Inf"} 2\nh_sum NaN\nh_count 2\n',
    '# TYPE h histogram\nh_bucket{x="1",le="+Inf"} 1\nh_bucket{x="2",le="+Inf"} 2\nh_count{x="1"} 1\nh_count{x="2"} 2\n',
    '# TYPE s summary\ns{quantile="0.5"} -1\ns_sum -1\ns_count 2\n',
    "# TYPE c counter\nc -1\n",
    "h_bucket 1\nh_sum 1\n",
    '{"a.b",x="1"} 1\n',
  );
});

test("metadata comes once and before the samples, and families are not mixed", () => {
  checkRefused("# HELP a one\n# HELP a two\n", '2:8: a second HELP line of "a"');
  checkRefused("# TYPE a counter\n# TYPE a untyped\n", '2:8: a second TYPE line of "a"');
  checkRefused("a 1\n# TYPE a counter\n", '2:8: the TYPE line of "a" comes after its samples');
  checkRefused("a 1\nb 1\na 2\n", '3:1: the lines of the family "a" do not follow each other');
  checkRefused('# TYPE h histogram\nh_bucket{le="+Inf"} 1\n# TYPE h_sum gauge\n', '3:8: the families "h" and "h_sum"');
  checkRefused("# TYPE h histogram\nh 1\n", '2:1: "h" is not a sample of the histogram h');
});

test("a series occurs once, whatever its timestamps", () => {
  checkRefused("a 1\na 2\n", "2:1: the series occurs twice");
  checkRefused("a 1 1\na 2 2\n", "2:1: the series occurs twice");
  checkRefused('a{x="1",y="2"} 1\na{z="1"} 1\na{y="2",x="1"} 2\n', "3:1: the series occurs twice");
});

test("histograms and summaries are whole", () => {
  const type = "# TYPE h histogram\n";
  checkRefused(`${type}h_bucket 1\n`, '2:1: the bucket has no label "le"');
  checkRefused(`${type}h_bucket{le="bla"} 3.14\n`, '2:1: the label "le" is "bla", not a number');
  checkRefused(`${type}h_bucket{le="2"} 1\nh_bucket{le="1"} 1\n`, "3:1: the buckets are not in increasing order");
  checkRefused(`${type}h_bucket{le="1"} 1\n`, '2:1: the histogram "h" has no bucket with le="+Inf"');
  checkRefused(`${type}h_bucket{le="+Inf"} 1\nh_count 2\n`, '3:1: the histogram "h" has a count that differs');
  checkRefused(`${type}h_bucket{le="+Inf"} -1\n`, '2:1: the value of "h_bucket" is negative or NaN');
  checkRefused("# TYPE s summary\ns 1\n", '2:1: the summary\'s sample has no label "quantile"');
  checkRefused('# TYPE s summary\ns{quantile="x"} 1\n', '2:1: the label "quantile" is "x", not a number');
});

test("the stricter grammar has commas, known escapes and line feeds at the end of each line", () => {
  checkRefused("a 1", "1:4: the last line does not end with a line feed");
  checkRefused('a{x="1" y="2"} 1\n', '1:9: expected "," or "}" after the label, not "y"');
  checkRefused('a{x="\\t"} 1\n', '1:6: the label value has the unknown escape "\\\\t"');
  checkRefused('a{x="1\n2"} 1\n', "1:7: the label value has a line feed in it");
  checkRefused("# HELP a \\t\n", "1:10: the help text has an unknown escape");
  checkRefused("# HELP a \\\\\\\n", "1:12: the help text has an unknown escape");
  checkRefused("# HELP some.name x\n", '1:12: expected a blank after the metric name, not "."');
  checkRefused('{x="1","a"} 1\n', '1:8: the metric name "a" must stand before the labels');
});
