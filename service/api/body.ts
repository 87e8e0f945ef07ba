import type { Context } from "hono";
import { readYaml } from "../../core/config/yaml.ts";
import { messageOf } from "../../core/errors.ts";
import { problem } from "./problem.ts";

/** Largest body: what the store keeps of a document that a user writes. */
export const bodyBytesMax = 1024 * 1024;

export interface DocumentBody {
  readonly value: unknown;
  readonly source: { readonly text: string; readonly format: "yaml" | "json" };
}

const yamlTypes = new Set(["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"]);

/**
 * Reads a document in JSON or YAML from a request, by its Content-Type (JSON without one), or answers what is wrong
 * with it. No more than the limit is read, whatever Content-Length says.
 */
export async function readDocumentBody(
  context: Context,
): Promise<{ readonly ok: true; readonly body: DocumentBody } | { readonly ok: false; readonly answer: Response }> {
  const type = (context.req.header("content-type") ?? "application/json").split(";")[0]?.trim().toLowerCase() ?? "";
  const format = yamlTypes.has(type) ? "yaml" : type === "application/json" ? "json" : null;
  const encoding = context.req.header("content-encoding") ?? "identity";
  if (format === null || encoding.toLowerCase() !== "identity") {
    const detail = format === null
      ? `the body is ${type}; send application/yaml or application/json`
      : `the body is encoded as ${encoding}; send it as it is`;
    return { ok: false, answer: problem(context, 415, "Unsupported body", detail) };
  }
  const text = await readText(context);
  if (typeof text !== "string") return { ok: false, answer: text };
  return parse(context, text, format);
}

/** The body as text, or the answer that refuses it. */
async function readText(context: Context): Promise<string | Response> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: ReadableStream<Uint8Array> | null = context.req.raw.body;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      return problem(context, 413, "Body too large", `a document has at most ${bodyBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    return chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
  } catch {
    return problem(context, 400, "Bad body", "the body is no UTF-8 text");
  }
}

function parse(
  context: Context,
  text: string,
  format: "yaml" | "json",
): { readonly ok: true; readonly body: DocumentBody } | { readonly ok: false; readonly answer: Response } {
  const source = { text, format };
  const yaml = readYaml(text, bodyBytesMax);
  if (format === "yaml") {
    if (yaml.ok) return { ok: true, body: { value: yaml.document.value, source } };
    return {
      ok: false,
      answer: problem(context, 400, "Bad YAML", detailOf(yaml.problems), { problems: yaml.problems }),
    };
  }
  try {
    const value: unknown = JSON.parse(text);
    // JSON is YAML too, so YAML's reader tells what JSON's takes silently, such as two keys of the same name.
    if (yaml.ok || !yaml.problems.some(({ message }) => message.startsWith("duplicate key"))) {
      return { ok: true, body: { value, source } };
    }
    return {
      ok: false,
      answer: problem(context, 400, "Bad JSON", detailOf(yaml.problems), { problems: yaml.problems }),
    };
  } catch (error) {
    const reason = messageOf(error);
    const place = /\(line (\d+) column (\d+)\)$/.exec(reason);
    const problems = [{ line: Number(place?.[1] ?? 1), column: Number(place?.[2] ?? 1), message: reason }];
    return { ok: false, answer: problem(context, 400, "Bad JSON", reason, { problems }) };
  }
}

function detailOf(
  problems: readonly { readonly line: number; readonly column: number; readonly message: string }[],
): string {
  const [first] = problems;
  return first === undefined ? "" : `${first.line}:${first.column}: ${first.message}`;
}
