import { z } from "zod";
import { documentSchemas, type Kind } from "./schema.ts";

/**
 * The JSON Schema (draft 2020-12) of what a user writes in a file of this kind; defaulted fields are optional. It says
 * less than the document reader checks: nothing of the minimum frequency, the timeout, or the file's place.
 */
export function jsonSchemaOf(kind: Kind): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(documentSchemas[kind], { target: "draft-2020-12", io: "input" });
  return { $schema, title: `bcs-metric ${kind}`, ...schema };
}
