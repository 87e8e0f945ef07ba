import { isIntact } from "../../core/config/collection.ts";
import { formatProblem, readDocument } from "../../core/config/document.ts";
import type { CollectionMetric } from "../../core/config/schema.ts";
import type { LogLevel } from "../../core/telemetry/log.ts";
import type { SourceEvent } from "./source.ts";

/** What this collector scrapes, by one generation of its collection. */
export interface Assignment {
  readonly generation: number;
  readonly metrics: readonly CollectionMetric[];
}

export interface AssignmentState {
  /** Path of the collection, which the document has to match. */
  readonly path: string;
  readonly frequencyMinSeconds: number;
  inForce: Assignment | null;
  /** The text that `inForce` was read from. */
  text: string;
  /** What is in force was kept from an earlier run; the source has not spoken yet. */
  isRestored: boolean;
  /** Something was in force once, or the source was sure that there was nothing to be. */
  isSettled: boolean;
  /** Why the collection as it is now is not in force; "" when it is. */
  documentProblem: string;
  /** Why the source cannot be read; "" when it can. */
  sourceProblem: string;
}

export type AssignmentEvent = SourceEvent | { readonly type: "restored"; readonly text: string };

export type AssignmentEffect =
  /** These targets from now on; null means none. */
  | { readonly type: "apply"; readonly assignment: Assignment | null }
  /** Keep the text for the next start; null means that nothing is to be kept. */
  | { readonly type: "keep"; readonly text: string | null }
  | {
    readonly type: "note";
    readonly level: Exclude<LogLevel, "silent">;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };

/** Problems of a refused document that are told; the first ones say enough. */
const problemsShownMax = 3;

export function makeAssignmentState(path: string, frequencyMinSeconds: number): AssignmentState {
  return {
    path,
    frequencyMinSeconds,
    inForce: null,
    text: "",
    isRestored: false,
    isSettled: false,
    documentProblem: "",
    sourceProblem: "",
  };
}

/** Why what is in force may not be what was meant; "" when all is well. */
export function assignmentProblem(state: AssignmentState): string {
  return [state.sourceProblem, state.documentProblem].filter((problem) => problem !== "").join("; ");
}

/**
 * Decides which collection is in force. The last good one stays so while the present one is invalid, edited or older,
 * and while the source is unavailable; only a source that is sure that there is none ends it.
 */
export function stepAssignment(state: AssignmentState, event: AssignmentEvent): AssignmentEffect[] {
  switch (event.type) {
    case "restored":
      return restore(state, event.text);
    case "document":
      return take(state, event.text);
    case "unreadable":
      return refuse(state, event.reason);
    case "absent":
      return drop(state);
    case "unavailable":
      return lose(state, event.reason);
    case "available":
      return regain(state);
  }
  return event satisfies never;
}

function lose(state: AssignmentState, reason: string): AssignmentEffect[] {
  if (state.sourceProblem === reason) return [];
  state.sourceProblem = reason;
  return [note("warn", "the assignment cannot be read; the last good one stays in force", { reason })];
}

function regain(state: AssignmentState): AssignmentEffect[] {
  if (state.sourceProblem === "") return [];
  state.sourceProblem = "";
  return [note("info", "the assignment can be read again", {})];
}

function restore(state: AssignmentState, text: string): AssignmentEffect[] {
  const read = readAssignment(state, text);
  if (typeof read === "string") {
    return [note("warn", "the assignment kept from an earlier run is of no use", { reason: read })];
  }
  state.inForce = read;
  state.text = text;
  state.isRestored = state.isSettled = true;
  const { generation } = read;
  return [
    note("info", "going on with the assignment of an earlier run", { generation }),
    { type: "apply", assignment: read },
  ];
}

function take(state: AssignmentState, text: string): AssignmentEffect[] {
  state.sourceProblem = "";
  if (text === state.text) {
    state.documentProblem = "";
    state.isRestored = false;
    return [];
  }
  const read = readAssignment(state, text);
  if (typeof read === "string") return refuse(state, read);
  const before = state.inForce;
  // What an earlier run kept cannot outvote the source: its generations may have begun anew since.
  if (before !== null && !state.isRestored && read.generation < before.generation) {
    return refuse(state, `its generation ${read.generation} is older than ${before.generation}, which is in force`);
  }
  state.inForce = read;
  state.text = text;
  state.isRestored = false;
  state.isSettled = true;
  state.documentProblem = "";
  const targets = read.metrics.reduce((sum, metric) => sum + metric.targets.length, 0);
  return [
    note("info", "assignment in force", { generation: read.generation, metrics: read.metrics.length, targets }),
    { type: "apply", assignment: read },
    { type: "keep", text },
  ];
}

function refuse(state: AssignmentState, reason: string): AssignmentEffect[] {
  if (state.documentProblem === reason) return [];
  state.documentProblem = reason;
  return [note("warn", "the collection is refused; the last good one stays in force", { path: state.path, reason })];
}

function drop(state: AssignmentState): AssignmentEffect[] {
  state.documentProblem = "";
  state.sourceProblem = "";
  state.isSettled = true;
  if (state.inForce === null) return [];
  state.inForce = null;
  state.text = "";
  state.isRestored = false;
  return [
    note("info", "the collection was removed: nothing to scrape", { path: state.path }),
    { type: "apply", assignment: null },
    { type: "keep", text: null },
  ];
}

/** The assignment, or why it is none. */
function readAssignment(state: AssignmentState, text: string): Assignment | string {
  const result = readDocument(state.path, text, { frequencyMinSeconds: state.frequencyMinSeconds });
  if (!result.ok) {
    const shown = result.problems.slice(0, problemsShownMax).map(formatProblem);
    const more = result.problems.length - shown.length;
    return more > 0 ? `${shown.join("; ")}; and ${more} more` : shown.join("; ");
  }
  const { document } = result;
  if (document.kind !== "Collection") return `it is a ${document.kind}, not a Collection`;
  if (!isIntact(document)) return "its digest does not match its content: it was edited by hand";
  return { generation: document.spec.generation, metrics: document.spec.metrics };
}

function note(
  level: Exclude<LogLevel, "silent">,
  message: string,
  fields: Readonly<Record<string, unknown>>,
): AssignmentEffect {
  return { type: "note", level, message, fields };
}
