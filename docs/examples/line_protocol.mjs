// A sink of one's own: appends samples as lines of InfluxDB's line protocol to a file.
//
//   sinks:
//     - name: influx
//       type: module
//       path: ./line_protocol.mjs
//       options: { file: /tmp/metrics.lp }
//
// docs/sinks.md describes the interface.
import { appendFile } from "node:fs/promises";

/** @param {{ file?: string }} options @param {{ samples: (batch: object) => Iterable<object> }} context */
export default function makeSink(options, context) {
  const { file } = options;
  if (typeof file !== "string") throw new Error("options.file must name the file to write to");
  return {
    batchSamplesMax: 10_000,
    async deliver(batch, signal) {
      let lines = "";
      let notCarriedSamples = 0;
      for (const sample of context.samples(batch)) {
        // The line protocol has neither NaN nor infinities, and so no staleness markers.
        if (!Number.isFinite(sample.value)) notCarriedSamples++;
        else lines += `${lineOf(sample)}\n`;
      }
      if (signal.aborted) return { outcome: "retry", reason: "stopped" };
      try {
        await appendFile(file, lines);
      } catch (error) {
        return { outcome: "retry", reason: `Cannot write to "${file}": ${error.message}` };
      }
      return { outcome: "delivered", notCarriedSamples, notCarriedRecords: batch.opaque.length };
    },
  };
}

function lineOf({ name, labels, value, timestampMs }) {
  const tags = Object.entries(labels).map(([key, text]) => `,${escape(key)}=${escape(text)}`).join("");
  return `${escape(name)}${tags} value=${value} ${BigInt(Math.round(timestampMs)) * 1_000_000n}`;
}

function escape(text) {
  return text.replaceAll(/[\\,= ]/g, "\\$&").replaceAll("\n", "\\n");
}
