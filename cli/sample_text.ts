/** A sample as an exposition would show it: `name{label="value"} value`. */
export function sampleText(
  sample: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number | string;
  },
): string {
  const pairs = Object.entries(sample.labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
  return `${sample.name}{${pairs.join(",")}} ${sample.value}`;
}
