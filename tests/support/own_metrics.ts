/** A metric family of a `/metrics` page. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: readonly Series[];
}

/** `name` is that of the samples: `…_bucket` for a bucket of a histogram. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A series selector in a PromQL expression. */
export interface Selector {
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

const samplePattern = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/;
const labelPattern = /(\w+)="((?:[^"\\]|\\.)*)"/g;
const selectorPattern = /\b((?:bcs_metric|process|nodejs)_\w+)(?:\{([^}]*)\})?/g;
const matcherPattern = /(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;
const groupingPattern = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** The families of a page as prom-client writes it: help, type, then the samples. */
export function familiesOf(page: string): Family[] {
  const families: (Omit<Family, "series"> & { series: Series[] })[] = [];
  let help = "";
  for (const line of page.split("\n")) {
    const [, comment, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (comment === "HELP") help = rest;
    if (comment === "TYPE") families.push({ name, type: rest, help, series: [] });
    const [, sample, labels = ""] = samplePattern.exec(line) ?? [];
    if (sample !== undefined) families.at(-1)?.series.push({ name: sample, labels: labelsOf(labels) });
  }
  return families;
}

/** The names of the labels that tell the series of a family apart; not `component`, which all of them have. */
export function labelNamesOf({ series }: Family): string[] {
  const names = new Set(series.flatMap(({ labels }) => Object.keys(labels)));
  return [...names].filter((name) => name !== "component" && name !== "le").toSorted();
}

/** The selectors of our own metrics in a PromQL expression. */
export function selectorsOf(expression: string): Selector[] {
  return [...expression.matchAll(selectorPattern)].map(([, name = "", matchers = ""]) => ({
    name,
    matchers: [...matchers.matchAll(matcherPattern)]
      .map(([, label = "", operator = "", value = ""]) => ({ label, operator, value })),
  }));
}

/** The labels that an expression groups or joins by. */
export function groupingLabelsOf(expression: string): string[] {
  return [...expression.matchAll(groupingPattern)].flatMap(([, labels = ""]) => labels.split(","))
    .map((label) => label.trim()).filter((label) => label !== "");
}

/** Whether the selector selects the series. Dashboards' variables, such as `$sink`, stand for anything. */
export function selects({ name, matchers }: Selector, series: Series): boolean {
  return series.name === name && matchers.every(({ label, operator, value }) => {
    const own = series.labels[label];
    if (own === undefined) return false;
    if (value.includes("$")) return true;
    const equal = operator.endsWith("~") ? new RegExp(`^(?:${value})$`).test(own) : own === value;
    return operator.startsWith("!") ? !equal : equal;
  });
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(labelPattern)].map(([, name = "", value = ""]) => [name, value]));
}
