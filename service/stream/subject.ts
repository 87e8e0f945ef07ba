import { z } from "zod";
import { safeNameText } from "../../core/option_types.ts";
import type { Subject } from "./collection_feed.ts";

/** Applications that one subscription may name. */
const applicationsMax = 1000;

const query = z.strictObject({
  cluster: safeNameText,
  namespace: safeNameText,
  collector: safeNameText,
  applications: z.string().default("")
    .transform((text) => text.split(",").filter((name) => name !== ""))
    .pipe(z.array(safeNameText).max(applicationsMax, { error: `must be at most ${applicationsMax} names` })),
});

/** Reads the query of a subscription; the problem says in words what is wrong with it. */
export function readSubject(
  parameters: Readonly<Record<string, string>>,
): { readonly ok: true; readonly subject: Subject } | { readonly ok: false; readonly problem: string } {
  const read = query.safeParse(parameters);
  if (read.success) {
    const { cluster: clusterId, ...rest } = read.data;
    return { ok: true, subject: { clusterId, ...rest } };
  }
  const [issue] = read.error.issues;
  if (issue?.code === "unrecognized_keys") {
    const known = Object.keys(query.shape).join(", ");
    return { ok: false, problem: `unknown parameter "${issue.keys[0]}"; the parameters are ${known}` };
  }
  const name = String(issue?.path[0] ?? "");
  if (parameters[name] === undefined) return { ok: false, problem: `${name} is missing` };
  return { ok: false, problem: `${name}: ${issue?.message ?? "not valid"}` };
}

/** The generation that a returning subscriber has; 0 when it says none, or none that we gave. */
export function readLastEventId(header: string | undefined): number {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : 0;
}
