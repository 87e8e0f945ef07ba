import { compileRegex, RegexError } from "./regex.ts";
import { relabelDefaults, type RelabelRule } from "./rule.ts";

/** What is wrong with one field of a rule. */
export interface RelabelProblem {
  readonly field: keyof RelabelRule;
  readonly message: string;
}

/** Fields that an action does not look at; Prometheus refuses them too, since they would be written in vain. */
const unused: Partial<Record<RelabelRule["action"], readonly (keyof RelabelRule)[]>> = {
  lowercase: ["replacement"],
  uppercase: ["replacement"],
  keepequal: ["regex", "modulus", "separator", "replacement"],
  dropequal: ["regex", "modulus", "separator", "replacement"],
  labeldrop: ["sourceLabels", "targetLabel", "modulus", "separator", "replacement"],
  labelkeep: ["sourceLabels", "targetLabel", "modulus", "separator", "replacement"],
};

const needTarget: ReadonlySet<RelabelRule["action"]> = new Set([
  "replace",
  "hashmod",
  "lowercase",
  "uppercase",
  "keepequal",
  "dropequal",
]);

/** What Prometheus would refuse of a rule; nothing when it can be used. */
export function checkRelabelRule(rule: RelabelRule): RelabelProblem[] {
  const { action, regex, targetLabel, modulus, replacement } = rule;
  const problems: RelabelProblem[] = [];
  const regexReason = regexProblem(regex);
  if (regexReason !== null) problems.push({ field: "regex", message: regexReason });
  if (needTarget.has(action) && (targetLabel ?? "") === "") {
    problems.push({ field: "targetLabel", message: `must be set for action ${action}` });
  }
  if (action === "hashmod" && modulus === undefined) {
    problems.push({ field: "modulus", message: "must be set for action hashmod" });
  }
  if (action === "labelmap" && replacement === "") {
    problems.push({ field: "replacement", message: "must not be empty for action labelmap" });
  }
  for (const field of unused[action] ?? []) {
    if (!isDefault(rule, field)) problems.push({ field, message: `is not used by action ${action}: remove it` });
  }
  return problems;
}

function regexProblem(regex: string): string | null {
  try {
    compileRegex(regex);
    return null;
  } catch (error) {
    if (error instanceof RegexError) return error.message;
    throw error;
  }
}

function isDefault(rule: RelabelRule, field: keyof RelabelRule): boolean {
  const value = rule[field];
  if (field === "separator" || field === "regex" || field === "replacement") return value === relabelDefaults[field];
  return value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}
