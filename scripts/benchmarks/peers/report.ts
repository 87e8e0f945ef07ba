import type { Measurement } from "./measure.ts";

const mebibyte = 1024 * 1024;
/** Ratios are to this agent. */
const yardstick = "vmagent";

interface Column {
  readonly title: string;
  readonly text: (row: Measurement, base: Measurement | undefined) => string;
}

const columns: readonly Column[] = [
  { title: "agent", text: ({ agent }) => agent },
  { title: "CPU us/sample", text: ({ cpuUsPerSample }) => cpuUsPerSample.toFixed(3) },
  { title: "of", text: (row) => partsOf(row) },
  { title: "ratio", text: (row, base) => ratio(row.cpuUsPerSample, base?.cpuUsPerSample) },
  { title: "RSS MiB", text: ({ rssBytes }) => (rssBytes / mebibyte).toFixed(0) },
  { title: "PSS MiB", text: ({ pssBytes }) => (pssBytes / mebibyte).toFixed(0) },
  { title: "ratio", text: (row, base) => ratio(row.pssBytes, base?.pssBytes) },
  { title: "wire B/sample", text: ({ wireBytesPerSample }) => wireBytesPerSample.toFixed(2) },
  { title: "sink B/sample", text: ({ sinkBytesPerSample }) => sinkBytesPerSample.toFixed(1) },
  { title: "remote write", text: ({ protocol }) => protocol },
  { title: "samples/s", text: ({ samplesPerSecond }) => samplesPerSecond.toFixed(0) },
  { title: "delivered", text: (row) => deliveredOf(row) },
  { title: "missed", text: ({ missedScrapes }) => String(missedScrapes) },
];

/** A table of one case in Markdown, with ratios to vmagent where it ran. */
export function tableOf(rows: readonly Measurement[]): string {
  const base = rows.find(({ agent }) => agent === yardstick);
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ text }) => text(row, base)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")} |\n`;
  const [head = [], ...body] = cells;
  return line(head) + line(widths.map((width) => "-".repeat(width))) + body.map(line).join("");
}

/** Whether everything that the agent took has arrived; of one that does not say, all that was scraped. */
export function isComplete({ scrapedSamples, takenSamples, deliveredSamples }: Measurement): boolean {
  return deliveredSamples > 0 && deliveredSamples >= (takenSamples ?? scrapedSamples);
}

function deliveredOf({ scrapedSamples, takenSamples, deliveredSamples, failure }: Measurement): string {
  const ofTaken = takenSamples === null || takenSamples === scrapedSamples
    ? ""
    : `, ${shareOf(deliveredSamples, takenSamples)} % of what came in time`;
  return `${shareOf(deliveredSamples, scrapedSamples)} %${ofTaken}${failure === "" ? "" : ` (${failure})`}`;
}

/** In percent, rounded down: what is missing must show. */
function shareOf(delivered: number, scraped: number): string {
  if (delivered === scraped) return "100";
  return (Math.floor(10_000 * delivered / scraped) / 100).toFixed(2);
}

function partsOf({ cpuUsPerSampleOf }: Measurement): string {
  const parts = Object.entries(cpuUsPerSampleOf);
  if (parts.length < 2) return "";
  return parts.map(([name, us]) => `${name} ${us.toFixed(2)}`).join(", ");
}

function ratio(value: number, base: number | undefined): string {
  return base === undefined ? "" : (value / base).toFixed(2);
}
