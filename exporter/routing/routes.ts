import { z } from "zod";
import { UserError } from "../../core/errors.ts";
import { type TextMatcher, textMatcher } from "./match.ts";

const textPattern = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const dataIdPattern = z.union([z.int(), z.array(z.int()).min(1)]);

const routeSchema = z.strictObject({
  match: z.strictObject({
    cluster: textPattern.optional(),
    namespace: textPattern.optional(),
    metric: textPattern.optional(),
    dataId: dataIdPattern.optional(),
    labels: z.record(z.string().min(1), textPattern).optional(),
  }).default({}),
  sinks: z.array(z.string()),
});

/** One line of the `routes` of an exporter's configuration. A condition that is null holds for everything. */
export interface Route {
  readonly cluster: TextMatcher | null;
  readonly namespace: TextMatcher | null;
  readonly metric: TextMatcher | null;
  readonly dataId: TextMatcher | null;
  /** All of them must hold; a label that is absent is "". */
  readonly labels: readonly { readonly name: string; readonly matches: TextMatcher }[];
  readonly sinks: ReadonlySet<string>;
}

const routesMax = 1000;

const configSchema = z.looseObject({
  sinks: z.array(z.looseObject({ name: z.string() })).catch([]).default([{ name: "file" }]),
  routes: z.unknown().optional(),
});

/**
 * Reads the `routes` of an exporter's configuration: null when there are none, and every sink gets everything.
 * `configPath` is the file that it was read from ("" for none).
 * @throws UserError when a route has another form, or names a sink that is not configured.
 */
export function readRoutes(config: unknown, configPath: string): readonly Route[] | null {
  const where = configPath === "" ? "the configuration" : `"${configPath}"`;
  const { sinks: listed, routes } = configSchema.parse(config ?? {});
  if (routes === undefined || routes === null) return null;
  const sinks = listed.map(({ name }) => name);
  const read = z.array(z.unknown()).min(1).max(routesMax).safeParse(routes);
  if (!read.success) {
    throw new UserError(`Cannot use routes of ${where}: expected a list of 1 to ${routesMax} of {match, sinks}`);
  }
  return read.data.map((one, index) => {
    const route = routeSchema.safeParse(one);
    const refuse = (why: string) => new UserError(`Cannot use route ${index + 1} of ${where}: ${why}`);
    if (!route.success) throw refuse(route.error.issues.map(describeIssue).join("; "));
    const unknown = route.data.sinks.find((sink) => !sinks.includes(sink));
    if (unknown !== undefined) throw refuse(`there is no sink "${unknown}"; there are ${sinks.join(", ")}`);
    return routeOf(route.data);
  });
}

function routeOf({ match, sinks }: z.output<typeof routeSchema>): Route {
  const matcher = (pattern: Parameters<typeof textMatcher>[0] | undefined) =>
    pattern === undefined ? null : textMatcher(pattern);
  const labels = Object.entries(match.labels ?? {}).map(([name, pattern]) => ({ name, matches: textMatcher(pattern) }));
  return {
    cluster: matcher(match.cluster),
    namespace: matcher(match.namespace),
    metric: matcher(match.metric),
    dataId: matcher(match.dataId),
    labels,
    sinks: new Set(sinks),
  };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  return issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`;
}
