/** A process of sink_test.ts: delivers one scrape to its standard output and tells on standard error how it went. */
import { standardOutput } from "../../../core/runtime/stdout.ts";
import { testBatch, testScrapeOf } from "../batch_testing.ts";
import { createStdoutSink } from "./sink.ts";

const report = (line: object) => console.error(JSON.stringify(line));
const ticks = setInterval(() => report({ ticking: true }), 20);
const sink = createStdoutSink({ name: "out", output: standardOutput() });
const batch = testBatch([testScrapeOf("sample", Number(process.argv[2]))]);
report({ outcome: await sink.deliver(batch, new AbortController().signal) });
clearInterval(ticks);
await sink.close();
