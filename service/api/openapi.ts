import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { jsonSchemaOf } from "../../core/config/json_schema.ts";
import { version } from "../../core/version.ts";
import { operationOf } from "./describe/route_doc.ts";
import { routeDocs } from "./describe/routes.ts";
import { resources } from "./resources.ts";

/** An OpenAPI 3.1 document, as far as we read it ourselves. */
export interface ApiDescription {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

export type PathItem = Readonly<Record<string, Operation>>;

export interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, DescribedAnswer>>;
  readonly security?: readonly unknown[];
}

export interface DescribedAnswer {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: unknown;
}

/**
 * Describes all routes of an application: the resources in full, every other with what {@link routeDocs} says.
 * A route that nobody described is there nevertheless.
 */
export function describeApi(app: Hono, documented: OpenAPIHono): ApiDescription {
  const described = documented.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "bcs-metric Metric-Service",
      version,
      description: "Definitions of metrics, their targets, and who scrapes them. Errors are application/problem+json.",
    },
    security: [{ bearer: [] }],
  });
  const paths: Record<string, Record<string, Operation>> = structuredClone(described.paths ?? {}) as never;
  for (const { method, path } of app.routes) {
    // Middleware is registered for all methods.
    if (method === "ALL") continue;
    const template = path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, "{$1}");
    const item = paths[template] ??= {};
    const doc = routeDocs[`${method} ${template}`];
    item[method.toLowerCase()] ??= doc === undefined ? undescribed : operationOf(template, doc);
  }
  return {
    openapi: described.openapi,
    info: described.info as ApiDescription["info"],
    security: [{ bearer: [] }],
    paths,
    components: { schemas: schemas(), securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
  } as ApiDescription;
}

const text = { type: "string" };
const place = {
  type: "object",
  required: ["line", "column", "message"],
  properties: { line: { type: "integer" }, column: { type: "integer" }, field: text, message: text },
  additionalProperties: false,
};

/** What the API shows of a document's file, and ignores in a body. */
const documentStatus = {
  type: "object",
  readOnly: true,
  required: ["state", "revision"],
  properties: {
    state: { enum: ["ok", "invalid", "stale-version", "conflict"] },
    revision: text,
    problems: { type: "array", items: place },
    workload: { type: "object", description: "Of a Collector that is asked for by name: as in GET /v1/workloads." },
  },
  additionalProperties: false,
};

/** A test finds it. */
const undescribed: Operation = { tags: ["undescribed"], responses: {} };

function schemas(): Record<string, unknown> {
  const kinds = Object.values(resources).map((kind) => {
    const { $schema: _, properties, ...schema } = jsonSchemaOf(kind);
    return [kind, { ...schema, properties: { ...properties as object, status: documentStatus } }] as const;
  });
  const problem = {
    type: "object",
    required: ["type", "title", "status", "detail"],
    properties: {
      type: text,
      title: text,
      status: { type: "integer" },
      detail: text,
      code: text,
      problems: { type: "array", items: place },
      unresolved: { type: "array", items: { type: "object", properties: { pod: text, reason: text } } },
    },
    additionalProperties: false,
  };
  return { ...Object.fromEntries(kinds), Problem: problem };
}
