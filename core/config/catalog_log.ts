import type { Logger } from "../telemetry/log.ts";
import type { CatalogChange } from "./catalog.ts";
import { formatProblem } from "./document.ts";
import { documentPath } from "./key.ts";

/** Logs what a catalog reports, each problem as one line `path:line:column: message`. */
export function logCatalogChanges(log: Logger, changes: readonly CatalogChange[]): void {
  for (const change of changes) {
    switch (change.type) {
      case "put":
        log.info({ path: documentPath(change.key) }, change.previous === null ? "document added" : "document changed");
        break;
      case "removed":
        log.info({ path: documentPath(change.key) }, "document removed");
        break;
      case "refused": {
        const { path, state, effectiveVersion } = change.status;
        for (const problem of change.status.problems) {
          log.warn({ path, state, effectiveVersion, problem: formatProblem(problem) }, "file refused");
        }
        break;
      }
      case "mended":
        log.info({ path: change.path }, "file mended");
        break;
      default:
        change satisfies never;
    }
  }
}
