import type { Label, Series, Target } from "../../core/protocol/shape.ts";
import { type TextMatcher, textMatcher } from "../routing/match.ts";
import { materializeLabels, withoutName } from "../sinks/materialize.ts";

/** Which samples somebody wants to see, and how many. */
export interface TailQuery {
  /** Of series; null for all. */
  readonly name: TextMatcher | null;
  /** All of them must hold; a label that is absent is "". */
  readonly labels: readonly { readonly name: string; readonly matches: TextMatcher }[];
  readonly samplesPerSecond: number;
}

export const samplesPerSecondDefault = 1000;
const samplesPerSecondMax = 100_000;

/** Labels that have a parameter of their own. */
const shortcuts = ["cluster", "namespace", "metric", "instance", "pod"] as const;

/**
 * Reads the query of `GET /v1/tail`: `name` (of the series), `cluster`, `namespace`, `metric`, `instance` and `pod` are
 * patterns with `*` and `?`, of which any may fit when one comes more than once; `label=NAME=PATTERN` asks for any other
 * label, and all of them must hold; `samplesPerSecond` is 1 to 100,000, by default 1000.
 * @throws RangeError that names the parameter.
 */
export function readTailQuery(parameters: URLSearchParams): TailQuery {
  const known: readonly string[] = ["name", "label", "samplesPerSecond", ...shortcuts];
  for (const name of parameters.keys()) {
    if (!known.includes(name)) throw new RangeError(`Cannot read the query: unknown parameter "${name}"`);
  }
  const matcher = (name: string) => {
    const patterns = parameters.getAll(name);
    return patterns.length === 0 ? null : textMatcher(patterns);
  };
  const labels = parameters.getAll("label").map(readLabel);
  for (const name of shortcuts) {
    const matches = matcher(name);
    if (matches !== null) labels.push({ name, matches });
  }
  return { name: matcher("name"), labels, samplesPerSecond: readRate(parameters.get("samplesPerSecond")) };
}

/** The labels of the series without its name, or null when it is not asked for. */
export function wantedLabels(query: TailQuery, series: Series, target: Target): readonly Label[] | null {
  if (query.name?.(series.name) === false) return null;
  const labels = withoutName(materializeLabels(series, target));
  const valueOf = (name: string) => labels.find((label) => label.name === name)?.value ?? "";
  return query.labels.every(({ name, matches }) => matches(valueOf(name))) ? labels : null;
}

function readLabel(text: string): TailQuery["labels"][number] {
  const at = text.indexOf("=");
  if (at < 1) throw new RangeError(`Cannot read label "${text}": expected NAME=PATTERN`);
  return { name: text.slice(0, at), matches: textMatcher(text.slice(at + 1)) };
}

function readRate(text: string | null): number {
  if (text === null) return samplesPerSecondDefault;
  const rate = Number(text);
  if (/^\d+$/.test(text) && rate >= 1 && rate <= samplesPerSecondMax) return rate;
  throw new RangeError(`Cannot read samplesPerSecond "${text}": expected 1 to ${samplesPerSecondMax}`);
}
