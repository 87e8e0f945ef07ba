import { z } from "zod";
import type { Operation } from "../openapi.ts";
import type { ProblemStatus } from "../problem.ts";
import { refusals } from "../resource_docs.ts";

/** A schema of zod, or one that is JSON Schema already. */
export type Schema = z.ZodType | { readonly $ref: string };

export interface RouteDoc {
  readonly summary: string;
  readonly tag: string;
  /** By name; a parameter is optional unless its schema does not take undefined. */
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly headers?: Readonly<Record<string, z.ZodType>>;
  /** By media type. */
  readonly body?: Readonly<Record<string, Schema>>;
  readonly bodyRequired?: boolean;
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** Statuses that are `application/problem+json`, besides 401 and 403. */
  readonly refusals?: readonly ProblemStatus[];
  /** Anybody may ask. */
  readonly open?: true;
}

export interface AnswerDoc {
  readonly description: string;
  /** By media type; none for an empty answer. */
  readonly content?: Readonly<Record<string, Schema>>;
}

/** An answer in JSON. */
export function json(schema: Schema, description = "The answer."): AnswerDoc {
  return { description, content: { "application/json": schema } };
}

/** An answer that goes on: `description` names its events. */
export function eventStream(description: string): AnswerDoc {
  return { description, content: { "text/event-stream": z.string() } };
}

export function text(mediaType: string, description: string): AnswerDoc {
  return { description, content: { [mediaType]: z.string() } };
}

/** What `/openapi.json` says of a route. */
export function operationOf(path: string, doc: RouteDoc): Operation {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) =>
    parameterOf("path", name, z.string().meta({ description: pathParameters[name] ?? "" }))
  );
  const parameters = [
    ...named,
    ...Object.entries(doc.query ?? {}).map(([name, schema]) => parameterOf("query", name, schema)),
    ...Object.entries(doc.headers ?? {}).map(([name, schema]) => parameterOf("header", name, schema)),
  ];
  const answers = Object.entries(doc.answers).map(([status, { description, content }]) =>
    [status, { description, ...content === undefined ? {} : { content: contentOf(content, "output") } }] as const
  );
  const body = doc.body === undefined
    ? {}
    : { requestBody: { required: doc.bodyRequired ?? true, content: contentOf(doc.body, "input") } };
  const refused = refusals(...doc.open === true ? [] : [401, 403] as const, ...doc.refusals ?? []);
  return {
    summary: doc.summary,
    tags: [doc.tag],
    parameters,
    ...body,
    responses: { ...refused, ...Object.fromEntries(answers) } as Operation["responses"],
    ...doc.open === true ? { security: [] } : {},
  };
}

const pathParameters: Readonly<Record<string, string>> = {
  cluster: "The cluster's id.",
  clusterId: "The cluster's id.",
  namespace: "The namespace.",
  clusterType: "`k8s`, `mesos` or `bcs-components`, in upper or lower case.",
  collector: "The collector's name within its namespace.",
};

function parameterOf(place: "path" | "query" | "header", name: string, schema: z.ZodType) {
  const { description, ...rest } = jsonSchema(schema, "input");
  const required = place === "path" || !schema.safeParse(undefined).success;
  return { name, in: place, required, schema: rest, ...typeof description === "string" ? { description } : {} };
}

function contentOf(content: Readonly<Record<string, Schema>>, io: "input" | "output") {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      { schema: schema instanceof z.ZodType ? jsonSchema(schema, io) : schema },
    ]),
  );
}

function jsonSchema(schema: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io, unrepresentable: "any" });
  return rest;
}
