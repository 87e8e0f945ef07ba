import { z } from "zod";
import { OldApiError } from "./envelope.ts";

/**
 * Fields as the old service decoded them: what is missing or null is the zero value of its type, whole numbers may
 * stand in quotes, and unknown keys are ignored.
 */
export const textField = z.string().nullish().transform((value) => value ?? "");
export const flagField = z.boolean().nullish().transform((value) => value ?? false);
export const pairsField = z.record(z.string(), textField).nullish().transform((value) => value ?? {});

const wholeNumber = z.union(
  [z.int(), z.string().regex(/^-?\d{1,15}$/).transform(Number)],
  { error: "must be a whole number" },
);
export const intField = wholeNumber.nullish().transform((value) => value ?? 0);
export const uintField = wholeNumber.refine((value) => value >= 0, { error: "must not be negative" }).nullish()
  .transform((value) => value ?? 0);

/** @throws OldApiError `jsonDecode` that names the first field whose type is wrong. */
export function decode<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const path = (issue?.path ?? []).map(String).join(".");
  throw new OldApiError("jsonDecode", `${path === "" ? "the body" : path}: ${issue?.message ?? "is of a wrong type"}`);
}
