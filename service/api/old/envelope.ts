import type { Context } from "hono";

/** What the old service answered for each failure: its code is 1405000 plus `offset`. */
export const oldErrors = {
  jsonDecode: { offset: 10, message: "json decode failed!" },
  readBody: { offset: 12, message: "read http request body failed!" },
  forbidden: { offset: 58, message: "bcs auth check no authority" },
  unauthorized: { offset: 59, message: "unauthorized" },
  setMetric: { offset: 110, message: "failed to set metric" },
  getCollector: { offset: 118, message: "failed to get collector config" },
  deleteMetric: { offset: 119, message: "failed to delete metric" },
  notReady: { offset: 120, message: "status not ready" },
  getMetric: { offset: 121, message: "failed to get metric" },
  setTask: { offset: 122, message: "failed to set metric task" },
  deleteTask: { offset: 123, message: "failed to delete metric task" },
  getTask: { offset: 124, message: "failed to get metric task" },
  taskMissing: { offset: 125, message: "metric task not exist" },
  listTask: { offset: 126, message: "failed to list metric task" },
  storageMissing: { offset: 127, message: "storage not found" },
  invalidMetric: { offset: 128, message: "invalid metric data" },
  unknownClusterType: { offset: 129, message: "unknown cluster type" },
} as const;

export type OldErrorName = keyof typeof oldErrors;

const codeBase = 1405000;

/** The old service put its program's name before each error message, and scripts look for it. */
const program = "bcs-metricservice";

/** A failure with its place among the old codes; `detail` says what exactly is wrong, "" when the name says it all. */
export class OldApiError extends Error {
  override name = "OldApiError";
  readonly error: OldErrorName;
  readonly detail: string;

  constructor(error: OldErrorName, detail = "") {
    super(detail === "" ? oldErrors[error].message : detail);
    this.error = error;
    this.detail = detail;
  }
}

/** `{"result":true,"code":0,"message":"success","data":…}`; the data is `{}` when there is none to give. */
export function success(context: Context, data: unknown = {}): Response {
  return context.json({ result: true, code: 0, message: "success", data });
}

/**
 * `{"result":false,"code":1405110,"message":"(bcs-metricservice):failed to set metric: why","data":{}}`. The status is
 * 200 whatever happened, since old clients look at the code alone. Only who may not ask gets 401 or 403, as from the
 * old gateway.
 */
export function failure(context: Context, error: OldErrorName, detail = ""): Response {
  const { offset, message } = oldErrors[error];
  const text = `(${program}):${message}${detail === "" ? "" : `: ${detail}`}`;
  return context.json({ result: false, code: codeBase + offset, message: text, data: {} }, statusOf(error));
}

function statusOf(error: OldErrorName): 200 | 401 | 403 {
  if (error === "unauthorized") return 401;
  return error === "forbidden" ? 403 : 200;
}
