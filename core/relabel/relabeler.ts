import { hashMod } from "./hashmod.ts";
import { lowerCase, upperCase } from "./letter_case.ts";
import { type AnchoredRegex, compileRegex } from "./regex.ts";
import { RelabelBoundError, relabelBounds, relabelDefaults, type RelabelRule } from "./rule.ts";
import { Template } from "./template.ts";

/** Labels by name, the metric's name as `__name__`; none is empty. */
export type LabelMap = Map<string, string>;

/** Does one rule; false drops the whole set. */
type Step = (labels: LabelMap) => boolean;

/** Applies a list of rules as Prometheus does. The rules have been checked. */
export class Relabeler {
  readonly #steps: readonly Step[];

  /** @throws RegexError for an expression that is none. */
  constructor(rules: readonly RelabelRule[]) {
    this.#steps = rules.map(stepOf);
  }

  /** Without rules every set of labels stays as it is. */
  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  /**
   * Changes the labels in place.
   * @returns null when the set is kept, else the index of the rule that drops it.
   * @throws RelabelBoundError when the rules make too much of it.
   */
  apply(labels: LabelMap): number | null {
    for (const [index, step] of this.#steps.entries()) {
      if (!step(labels)) return index;
      if (labels.size > relabelBounds.labelsMax) throw tooMany("labels", relabelBounds.labelsMax);
    }
    return null;
  }
}

function stepOf(rule: RelabelRule): Step {
  const target = rule.targetLabel ?? "";
  const source = (labels: LabelMap) => joinedSource(rule, labels);
  switch (rule.action) {
    case "replace":
      return replaceStep(rule);
    case "keep":
      return matchStep(rule, true);
    case "drop":
      return matchStep(rule, false);
    case "keepequal":
      return (labels) => (labels.get(target) ?? "") === source(labels);
    case "dropequal":
      return (labels) => (labels.get(target) ?? "") !== source(labels);
    case "lowercase":
      return setStep(target, (labels) => lowerCase(source(labels)));
    case "uppercase":
      return setStep(target, (labels) => upperCase(source(labels)));
    case "hashmod": {
      const modulus = BigInt(rule.modulus ?? 1);
      return setStep(target, (labels) => String(hashMod(source(labels), modulus)));
    }
    case "labelmap":
      return labelMapStep(rule);
    case "labeldrop":
      return nameStep(rule, true);
    case "labelkeep":
      return nameStep(rule, false);
    default:
      throw new Error(`Cannot relabel: unknown action "${String(rule.action satisfies never)}"`);
  }
}

function joinedSource({ sourceLabels, separator }: RelabelRule, labels: LabelMap): string {
  const [only] = sourceLabels;
  if (sourceLabels.length === 1 && only !== undefined) return labels.get(only) ?? "";
  return checked(sourceLabels.map((name) => labels.get(name) ?? "").join(separator));
}

function matchStep(rule: RelabelRule, wanted: boolean): Step {
  const regex = compileRegex(rule.regex);
  return (labels) => regex.test(joinedSource(rule, labels)) === wanted;
}

function setStep(target: string, value: (labels: LabelMap) => string): Step {
  return (labels) => set(labels, target, value(labels));
}

function replaceStep(rule: RelabelRule): Step {
  const target = new Template(rule.targetLabel ?? "");
  const replacement = new Template(rule.replacement);
  // A rule that only sets a label needs no expression: the default one matches everything.
  if (rule.regex === relabelDefaults.regex && target.isLiteral && replacement.isLiteral) {
    return setStep(target.expand(null), () => replacement.expand(null));
  }
  const regex = compileRegex(rule.regex);
  return (labels) => {
    const match = regex.match(joinedSource(rule, labels));
    if (match === null) return true;
    return set(labels, checked(target.expand(match)), replacement.expand(match));
  };
}

function labelMapStep(rule: RelabelRule): Step {
  const regex = compileRegex(rule.regex);
  const replacement = new Template(rule.replacement);
  return (labels) => {
    for (const [name, value] of sorted(labels)) {
      const match = regex.match(name);
      if (match === null) continue;
      set(labels, checked(replacement.expand(match)), value);
    }
    return true;
  };
}

function nameStep(rule: RelabelRule, drops: boolean): Step {
  const regex: AnchoredRegex = compileRegex(rule.regex);
  return (labels) => {
    for (const name of labels.keys()) if (regex.test(name) === drops) labels.delete(name);
    return true;
  };
}

/** By name, as Prometheus goes through them: of several that become one the last one counts. */
function sorted(labels: LabelMap): [string, string][] {
  return [...labels].toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

function set(labels: LabelMap, name: string, value: string): true {
  // An empty name is what a template may come to; it names nothing.
  if (value === "") labels.delete(name);
  else if (name !== "") labels.set(name, checked(value));
  return true;
}

function checked(text: string): string {
  if (text.length > relabelBounds.textCharsMax) throw tooMany("characters of a label", relabelBounds.textCharsMax);
  return text;
}

function tooMany(what: string, max: number): RelabelBoundError {
  return new RelabelBoundError(`relabelling makes more than ${max} ${what}`);
}
