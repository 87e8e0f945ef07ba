import { DEFAULT_SCALAR_STYLE_RULES, dump, SCALAR_STYLE, type ScalarStyleRule } from "js-yaml";

// Without the rule that writes long texts as blocks, every text is on its key's line, and lines can be indented.
const { tryLongOrMultilineAsBlock: _, ...singleLineRules } = DEFAULT_SCALAR_STYLE_RULES;
const quoteLineBreaks: ScalarStyleRule = (layout) => {
  if (/[\n\r]/.test(layout.node.value)) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};

const options = {
  lineWidth: -1,
  noRefs: true,
  quoteStyle: "double",
  scalarStyleRules: [quoteLineBreaks, ...Object.values(singleLineRules)],
} as const;

/** Block style, without a line break at the end; each line but the first is indented by `indent` spaces. */
export function renderBlock(value: unknown, indent: number): string {
  return dump(value, options).trimEnd().replaceAll("\n", `\n${" ".repeat(indent)}`);
}

/** On one line, as it may stand in a flow collection and after `key:`. */
export function renderInline(value: unknown): string {
  if (isEmptyCollection(value)) return Array.isArray(value) ? "[]" : "{}";
  // A text that may be plain by itself has to be quoted among commas and brackets; so it is written among them.
  return dump([value], { ...options, flowLevel: 0 }).trimEnd().slice(1, -1);
}

/** Whether a value is written as a block, over several lines. */
export function needsBlock(value: unknown): boolean {
  return typeof value === "object" && value !== null && !isEmptyCollection(value);
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isEmptyCollection(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
