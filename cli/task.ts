import { type Output, runGroup, terminal } from "./group.ts";
import type { Column } from "./output.ts";
import type { ListedDocument, ResourceKind } from "./place.ts";
import { resourceVerbs } from "./resource.ts";
import { selectorText } from "./spec_text.ts";

const kind: ResourceKind = { kind: "Task", plural: "tasks", word: "task" };

const columns: readonly Column<ListedDocument>[] = [
  { title: "SELECTOR", text: ({ spec }) => selectorText(spec["selector"]) },
  {
    title: "PODS",
    align: "right",
    text: ({ spec }) => Array.isArray(spec["pods"]) ? String(spec["pods"].length) : "",
  },
];

/** `bcs-metric task …`: targets that are supplied from outside. Returns the exit code. */
export async function taskCommand(argv: readonly string[], output: Output = terminal): Promise<number> {
  return await runGroup("task", "Tasks: targets supplied from outside.", resourceVerbs(kind, columns), argv, output);
}
