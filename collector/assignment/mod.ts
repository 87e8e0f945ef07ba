/** What the collector scrapes: learned from a source, checked, kept over restarts. */
export type { Assignment } from "./assignment.ts";
export { FileSource } from "./file_source.ts";
export { AssignmentKeeper } from "./keeper.ts";
export { LastGood } from "./last_good.ts";
export type { AssignmentSource, SourceEvent } from "./source.ts";
