import type { Label } from "../protocol/shape.ts";

/** Above this many labels a set finds a repeated name: a series of a million labels must not take hours. */
const scannedLabelsMax = 16;

/** Finds label names that a series must not have. */
export class LabelNames {
  readonly #labels: readonly Label[];
  #names: Set<string> | null = null;

  /** `labels` are those that passed so far; the caller appends to them. */
  constructor(labels: readonly Label[]) {
    this.#labels = labels;
  }

  /** Why the next label must not have this name, or null. Must be called before the label is appended. */
  fault(name: string): string | null {
    if (name === "") return "the label name is empty";
    if (name === "__name__") return `the label name "__name__" is reserved for the metric name`;
    return this.#has(name) ? `the label name ${JSON.stringify(name)} occurs twice` : null;
  }

  #has(name: string): boolean {
    if (this.#labels.length < scannedLabelsMax) return this.#labels.some((label) => label.name === name);
    this.#names ??= new Set(this.#labels.map((label) => label.name));
    if (this.#names.has(name)) return true;
    this.#names.add(name);
    return false;
  }
}
