import { type Output, runGroup, terminal } from "./group.ts";
import type { Column } from "./output.ts";
import type { ListedDocument, ResourceKind } from "./place.ts";
import { resourceVerbs } from "./resource.ts";
import { selectorText, textOf } from "./spec_text.ts";
import { trialVerb } from "./trial.ts";

const kind: ResourceKind = { kind: "Metric", plural: "metrics", word: "metric" };

const columns: readonly Column<ListedDocument>[] = [
  { title: "VERSION", text: ({ spec }) => textOf(spec["version"]) },
  { title: "SELECTOR", text: ({ spec }) => selectorText(spec["selector"]) },
  { title: "PORT", text: ({ spec }) => textOf(spec["port"]) },
  { title: "URI", text: ({ spec }) => textOf(spec["uri"]) },
  { title: "SECONDS", align: "right", text: ({ spec }) => textOf(spec["frequency"]) },
];

/** `bcs-metric metric …`: what is scraped. Returns the exit code. */
export async function metricCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  const verbs = { ...resourceVerbs(kind, columns), trial: trialVerb(kind) };
  return await runGroup("metric", "Metrics: what is scraped, and how.", verbs, argv, output);
}
