import type { ExpositionFormat } from "../parse.ts";
import {
  delimited,
  doubleField,
  family,
  join,
  label,
  messageField,
  numberField,
  packedSigned,
  signedField,
  textField,
} from "./protobuf.ts";

/** A body as targets in the field expose it, or as none should. */
export interface CorpusEntry {
  readonly name: string;
  readonly format: ExpositionFormat;
  readonly body: Uint8Array;
  /** Samples that the lenient reader finds; null when it refuses the body. */
  readonly samples: number | null;
  /** Whether the strict reader takes it, too. */
  readonly strict: boolean;
}

const node = `# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 1.12345678e+06
node_cpu_seconds_total{cpu="0",mode="user"} 4321.07
# HELP node_filesystem_avail_bytes Filesystem space available.
# TYPE node_filesystem_avail_bytes gauge
node_filesystem_avail_bytes{device="C:\\\\dev \\"x\\"",mountpoint="/"} 2.4e+10
# HELP go_gc_duration_seconds A summary of pauses.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 2.9e-05
go_gc_duration_seconds{quantile="1"} NaN
go_gc_duration_seconds_sum 0.017
go_gc_duration_seconds_count 123
# TYPE http_request_seconds histogram
http_request_seconds_bucket{le="0.1"} 33
http_request_seconds_bucket{le="+Inf"} 144
http_request_seconds_sum 53
http_request_seconds_count 144
up 1 1395066363000
`;

const openMetrics = `# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request router.
acme_http_router_request_seconds_sum{path="/api/v1",method="GET"} 9036.32
acme_http_router_request_seconds_count{path="/api/v1",method="GET"} 807283.0
acme_http_router_request_seconds_created{path="/api/v1",method="GET"} 1605281325.0
# TYPE foo counter
foo_total 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67 1520879607.1
foo_created 1520872607.123 1520879607.789
# TYPE bar histogram
bar_bucket{le="0.1"} 8 # {} 0.054
bar_bucket{le="+Inf"} 10 # {id="é"} 9.8 1.5
bar_count 10
bar_sum 1.5
# TYPE state stateset
state{state="a"} 1
state{state="b"} 0
# EOF
`;

const histogram = messageField(
  7,
  numberField(1, 6),
  doubleField(2, 20),
  messageField(3, numberField(1, 2), doubleField(2, 1)),
  signedField(5, 3),
  doubleField(6, 2.938735877055719e-39),
  numberField(7, 1),
  messageField(12, signedField(1, 1), numberField(2, 2)),
  packedSigned(13, [2, 1]),
  messageField(15, numberField(1, 1_700_000_000)),
);

const protobuf = delimited(
  join(family("http_seconds", "histogram", [label(1, "code", "200"), histogram]), textField(2, "Latency")),
  family("go_goroutines", "gauge", [messageField(2, doubleField(1, 42))]),
  family("été", "unknown", [messageField(5), numberField(6, 1_700_000_000_000)]),
);

function entry(
  name: string,
  format: ExpositionFormat,
  body: string | Uint8Array,
  samples: number | null,
  strict: boolean,
): CorpusEntry {
  return { name, format, body: typeof body === "string" ? Buffer.from(body) : body, samples, strict };
}

export const corpus: readonly CorpusEntry[] = [
  entry("a node's metrics", "prometheus", node, 12, true),
  entry("the same with CRLF", "prometheus", node.replaceAll("\n", "\r\n"), null, false),
  entry("the same without the last line feed", "prometheus", node.trimEnd(), 12, false),
  entry("quoted names", "prometheus", '# TYPE "a.b" gauge\n{"a.b","l.m"="1"} 1\n{"a.b"} 2\n', 2, true),
  entry("nothing", "prometheus", "", 0, true),
  entry("an HTML page", "prometheus", "<html><body>404</body></html>\n", null, false),
  entry("OpenMetrics read as Prometheus text", "prometheus", openMetrics, null, false),
  entry("a brace that never closes", "prometheus", `a{${'b="c",'.repeat(1000)}`, null, false),
  entry("the specification's example", "openmetrics", openMetrics, 11, true),
  entry("the same without # EOF", "openmetrics", openMetrics.replace("# EOF\n", ""), null, false),
  entry("families that are mixed", "openmetrics", "a 1\nb 1\na 2\n# EOF\n", 3, false),
  entry("Prometheus text read as OpenMetrics", "openmetrics", node, null, false),
  entry("native and other metrics", "protobuf", protobuf, 6, true),
  entry("the same cut off", "protobuf", protobuf.subarray(0, -1), null, false),
  entry("no metrics at all", "protobuf", "", 0, true),
  entry("text read as protobuf", "protobuf", node, null, false),
];
