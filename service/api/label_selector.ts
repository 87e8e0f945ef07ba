/** What the labels of a document have to be. */
export type LabelSelector = readonly Requirement[];

type Requirement =
  | { readonly type: "equals" | "differs"; readonly label: string; readonly value: string }
  | { readonly type: "exists" | "absent"; readonly label: string };

const requirementsMax = 100;

/**
 * Reads a selector such as `team=trade,tier!=test,owner,!legacy`: all of them have to hold. A label that is not there
 * differs from every value. The problem says in words what is wrong.
 */
export function readLabelSelector(
  text: string,
): { readonly ok: true; readonly selector: LabelSelector } | { readonly ok: false; readonly problem: string } {
  if (text.trim() === "") return { ok: true, selector: [] };
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > requirementsMax) {
    return { ok: false, problem: `labelSelector has ${parts.length} parts; at most ${requirementsMax} are read` };
  }
  const selector: Requirement[] = [];
  for (const part of parts) {
    const requirement = readRequirement(part);
    if (requirement === null) {
      const forms = "label=value, label!=value, label or !label";
      return { ok: false, problem: `labelSelector "${part}" must be ${forms}` };
    }
    selector.push(requirement);
  }
  return { ok: true, selector };
}

/** Tells which labels a selector takes; labels are only looked up where there is something to select by. */
export function labelsMatcher(text: string):
  | { readonly ok: true; matches(labels: () => Readonly<Record<string, string>>): boolean }
  | { readonly ok: false; readonly problem: string }
{
  const read = readLabelSelector(text);
  if (!read.ok) return read;
  const { selector } = read;
  return { ok: true, matches: (labels) => selector.length === 0 || matchesLabels(labels(), selector) };
}

export function matchesLabels(labels: Readonly<Record<string, string>>, selector: LabelSelector): boolean {
  return selector.every((requirement) => {
    const value = Object.hasOwn(labels, requirement.label) ? labels[requirement.label] : undefined;
    switch (requirement.type) {
      case "equals":
        return value === requirement.value;
      case "differs":
        return value !== requirement.value;
      case "exists":
        return value !== undefined;
      case "absent":
        return value === undefined;
      default:
        return requirement satisfies never;
    }
  });
}

function readRequirement(part: string): Requirement | null {
  const pair = /^([^=!\s]+)\s*(!=|==|=)\s*([^=!]*)$/.exec(part);
  if (pair !== null) {
    const [, label = "", operator, value = ""] = pair;
    return { type: operator === "!=" ? "differs" : "equals", label, value };
  }
  const single = /^(!?)\s*([^=!\s]+)$/.exec(part);
  if (single === null) return null;
  return { type: single[1] === "!" ? "absent" : "exists", label: single[2] ?? "" };
}
