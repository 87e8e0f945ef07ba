import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { isMapping } from "./edit_render.ts";

/**
 * `draft` without the defaults that it states and `present` does not: a document that was read with all its defaults
 * and written back adds none of them to its file.
 */
export function withoutNewDefaults(schema: z.ZodType, draft: unknown, present: unknown): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && Array.isArray(draft)) {
    const known: readonly unknown[] = Array.isArray(present) ? present : [];
    const element = inner.element;
    return draft.map((item: unknown, index) =>
      index < known.length && element instanceof z.ZodType ? withoutNewDefaults(element, item, known[index]) : item
    );
  }
  if (!(inner instanceof z.ZodObject) || !isMapping(draft)) return draft;
  const entries = Object.entries(draft).flatMap(([key, value]): [string, unknown][] => {
    const field: unknown = Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined;
    if (!(field instanceof z.ZodType)) return [[key, value]];
    const known = isMapping(present) && Object.hasOwn(present, key) ? present[key] : undefined;
    if (known === undefined && isDefault(field, value)) return [];
    return [[key, withoutNewDefaults(field, value, known)]];
  });
  return Object.fromEntries(entries);
}

function isDefault(field: z.ZodType, value: unknown): boolean {
  const absent = field.safeParse(undefined);
  if (!absent.success || absent.data === undefined) return false;
  const stated = field.safeParse(value);
  return stated.success && isDeepStrictEqual(stated.data, absent.data);
}

function unwrap(schema: z.ZodType): unknown {
  let current: unknown = schema;
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault) {
    current = current.unwrap();
  }
  return current;
}
