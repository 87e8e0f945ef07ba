import type { Context } from "hono";
import { mayRead } from "../auth.ts";
import { type OldApiDeps, requireOld, writerOf } from "./answer.ts";
import { readJson } from "./body.ts";
import { OldApiError } from "./envelope.ts";
import { decode } from "./fields.ts";
import { keyOf, keyProblem } from "./keys.ts";
import { metricTaskField, metricTaskOf, taskDraft } from "./metric_task.ts";

/** The tasks of a cluster, or of its namespace `?namespace=`. */
export function listTasks(deps: OldApiDeps, context: Context) {
  const { clusterId } = keyOf(context, "Task");
  const namespace = context.req.query("namespace") ?? "";
  if (namespace !== "") requireOld(context, { action: "read", clusterId, namespace });
  return deps.documents
    .list({ kind: "Task", clusterId, ...(namespace === "" ? {} : { namespace }) })
    .filter(({ key }) => mayRead(context, key.clusterId, key.namespace))
    .map(({ document }) => metricTaskOf(document));
}

/** @throws OldApiError `taskMissing` */
export function getTask(deps: OldApiDeps, context: Context) {
  const key = keyOf(context, "Task");
  requireOld(context, { action: "read", ...key });
  const stored = keyProblem(key) === null ? deps.documents.get(key) : null;
  if (stored === null) throw new OldApiError("taskMissing");
  return metricTaskOf(stored.document);
}

/** Sets the task that the path names, whatever names its body has. */
export async function setTask(deps: OldApiDeps, context: Context): Promise<void> {
  const key = keyOf(context, "Task");
  requireOld(context, { action: "write", ...key });
  const problem = keyProblem(key);
  if (problem !== null) throw new OldApiError("setTask", problem);
  const task = decode(metricTaskField, await readJson(context.req.raw));
  const draft = taskDraft(task, key, deps.documents.get(key)?.document ?? null);
  await deps.documents.put(draft, { key, by: writerOf(context) });
}

/** Removes the task that the path names; one that is not there, or cannot be, is a success. */
export async function deleteTask(deps: OldApiDeps, context: Context): Promise<void> {
  const key = keyOf(context, "Task");
  requireOld(context, { action: "write", ...key });
  if (keyProblem(key) === null) await deps.documents.delete(key, { by: writerOf(context) });
}
