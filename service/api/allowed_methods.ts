import type { Hono } from "hono";

/**
 * The methods that a path takes, sorted; none when there is no such path. For the refusal of another method, which
 * no route takes.
 */
export function allowedMethods(app: Hono, path: string): string[] {
  const methods = new Set<string>();
  for (const route of app.routes) {
    // Middleware is registered for all methods.
    if (route.method !== "ALL" && matches(route.path, path)) methods.add(route.method);
  }
  return [...methods].toSorted();
}

/** Segment by segment, since a parameter stands for one. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  return wanted.length === given.length
    && wanted.every((segment, index) => segment.startsWith(":") ? given[index] !== "" : segment === given[index]);
}
