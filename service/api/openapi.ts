import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { jsonSchemaOf } from "../../core/config/json_schema.ts";
import { version } from "../../core/version.ts";
import { needsToken } from "./authenticate.ts";
import { refusals } from "./resource_docs.ts";
import { resources } from "./resources.ts";
import { routeSummaries } from "./route_summaries.ts";

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
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, { readonly description?: string }>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
}

/**
 * Describes all routes of an application: the resources in full, every other with what {@link routeSummaries} says.
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
    item[method.toLowerCase()] ??= plainOperation(method, template);
  }
  return {
    openapi: described.openapi,
    info: described.info as ApiDescription["info"],
    security: [{ bearer: [] }],
    paths,
    components: { schemas: schemas(), securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
  } as ApiDescription;
}

function plainOperation(method: string, path: string): Operation {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const isOld = path.includes("/metric/");
  const summary = routeSummaries[`${method} ${path}`] ?? (isOld ? "As in the original system (docs/old-api.md)" : "");
  const tag = isOld ? "old API" : needsToken(path) ? "system" : "process";
  return {
    summary,
    tags: [tag],
    parameters,
    responses: { 200: { description: "The answer." }, ...refusals(401, 403) },
  };
}

function schemas(): Record<string, unknown> {
  const kinds = Object.values(resources).map((kind) => {
    const { $schema: _, ...schema } = jsonSchemaOf(kind);
    return [kind, schema] as const;
  });
  const text = { type: "string" };
  const place = {
    type: "object",
    properties: { line: { type: "integer" }, column: { type: "integer" }, message: text },
  };
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
    },
  };
  return { ...Object.fromEntries(kinds), Problem: problem };
}
