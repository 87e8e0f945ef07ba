import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { renderBlock } from "../../core/config/edit_render.ts";
import type { StoredDocument } from "../documents/documents.ts";

/** A document as the API shows it: what is in force, with all defaults, how its file stands, and `more` of its status. */
export function represent(
  stored: StoredDocument,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { state, problems } = stored.status;
  return {
    ...stored.document,
    status: {
      /** `ok`, or why the file as it stands is not what is in force. */
      state,
      revision: stored.revision,
      ...problems.length > 0 && { problems: problems.map(({ line, column, message }) => ({ line, column, message })) },
      ...more,
    },
  };
}

/** Whether the client would rather have YAML than JSON. */
export function wantsYaml(context: Context): boolean {
  const supports = ["application/json", "application/yaml", "text/yaml", "application/x-yaml"];
  return accepts(context, { header: "Accept", supports, default: "application/json" }) !== "application/json";
}

/**
 * Answers with one document and its ETag: in JSON {@link represent}; in YAML the text of its file, comments and all.
 *
 * @param more of its status.
 */
export function answerDocument(
  context: Context,
  stored: StoredDocument,
  status: 200 | 201 = 200,
  headers: Readonly<Record<string, string>> = {},
  more: Readonly<Record<string, unknown>> = {},
): Response {
  const all = { etag: `"${stored.revision}"`, "bcs-metric-state": stored.status.state, vary: "accept", ...headers };
  if (!wantsYaml(context)) return context.json(represent(stored, more), status, all);
  return context.body(stored.text, status, { ...all, "content-type": "application/yaml; charset=utf-8" });
}

/** Answers with any value in the form that the client wants. */
export function answerValue(context: Context, value: object): Response {
  if (!wantsYaml(context)) return context.json(value, 200, { vary: "accept" });
  const headers = { "content-type": "application/yaml; charset=utf-8", vary: "accept" };
  return context.body(`${renderBlock(value, 0)}\n`, 200, headers);
}
