import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Kind } from "../../core/config/schema.ts";
import { problemStatuses } from "./problem.ts";

const cluster = z.string().openapi({ example: "BCS-K8S-00001", description: "The cluster's id." });
const namespace = z.string().openapi({ example: "shop" });
const name = z.string().openapi({ example: "cart" });
const orAll = " In a list `-` means all of them.";

/** What `/openapi.json` says of the routes of one kind of document. */
export function describe(kind: Kind, plural: string) {
  const tags = [plural];
  const of = (verb: string) => ({ tags, operationId: `${verb}${kind}` });
  return {
    placeParams: z.object({
      cluster: cluster.openapi({ description: `The cluster's id.${orAll}` }),
      namespace: namespace.openapi({ description: `The namespace.${orAll}` }),
    }),
    nameParams: z.object({ cluster, namespace, name }),
    putHeaders: z.object({
      "if-match": z.string().optional().openapi({ description: "The ETag that the document must have; `*`: any." }),
      "if-none-match": z.string().optional().openapi({ description: "`*`: the document must not exist." }),
    }),
    deleteHeaders: z.object({
      "if-match": z.string().optional().openapi({ description: "The ETag that the document must have." }),
    }),
    // Not a zod schema: the body is read by the documents' own reader, which knows lines and columns.
    body: {
      required: true,
      description: "apiVersion, kind and the names in metadata may be left out: the path says them.",
      content: { "application/yaml": { schema: reference(kind) }, "application/json": { schema: reference(kind) } },
    },
    list: { ...of("list"), summary: `Lists or watches ${plural}` },
    get: { ...of("get"), summary: `Shows one of the ${plural}; as application/yaml its file` },
    put: { ...of("put"), summary: `Creates or changes one of the ${plural}` },
    delete: { ...of("delete"), summary: `Removes one of the ${plural}` },
  };
}

/** A document as an answer. */
export function jsonOf(kind: Kind, status: 200 | 201, description: string): RouteConfig["responses"] {
  const headers = { etag: { schema: { type: "string" as const }, description: "Revision of the file." } };
  const content = {
    "application/json": { schema: reference(kind) },
    "application/yaml": { schema: reference(kind) },
  };
  return { [status]: { description, headers, content } };
}

export function listOf(kind: Kind): RouteConfig["responses"] {
  const properties = {
    items: { type: "array" as const, items: reference(kind) },
    revision: { type: "string" as const, description: "A watch `after` it tells what changed since." },
    continue: { type: "string" as const },
  };
  const schema = { type: "object" as const, required: ["items", "revision"], properties, additionalProperties: false };
  return {
    200: {
      description: "A page, sorted by place; `continue` is there while more follow.",
      content: {
        "application/json": { schema },
        "application/yaml": { schema },
        "text/event-stream": { schema: { type: "string" as const } },
      },
    },
  };
}

/** The answers that refuse, as `application/problem+json`. */
export function refusals(...statuses: readonly (keyof typeof problemStatuses)[]): RouteConfig["responses"] {
  const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
  return Object.fromEntries(statuses.map((status) => [status, { description: problemStatuses[status], content }]));
}

function reference(kind: Kind): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${kind}` };
}
