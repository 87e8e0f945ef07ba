import type { Context, MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/**
 * `admin` may do everything; `editor` reads and writes documents of its namespaces; `viewer` reads them; `collector`
 * reads its namespace's configuration and reports for it.
 */
export const roles = ["admin", "editor", "viewer", "collector"] as const;
export type Role = (typeof roles)[number];

/** Who asks, as a token says. */
export interface Identity {
  /** Of the token; for logs and audit trails. */
  readonly name: string;
  readonly role: Role;
  /** `<clusterId>/<namespace>`, or `*` for all. */
  readonly namespaces: readonly string[];
}

/**
 * What a route asks for:
 * - `any`: any valid token. The handler shows only what {@link mayRead} allows, or what concerns no namespace.
 * - `read`: documents, targets and status of one namespace.
 * - `read-all`: the same of all namespaces at once.
 * - `write`: changing documents of one namespace.
 * - `collect`: what a collector of one namespace does: stream its assignment, report its status.
 * - `admin`: approvals and everything that concerns the installation.
 */
export type Need =
  | { readonly action: "any" | "read-all" | "admin" }
  | { readonly action: "read" | "write" | "collect"; readonly clusterId: string; readonly namespace: string };

/** Everybody, while no tokens are configured and only this machine is served. */
export const localAdmin: Identity = { name: "local", role: "admin", namespaces: ["*"] };

/** Whether somebody may do something. */
export function allows(identity: Identity, need: Need): boolean {
  const { role } = identity;
  if (role === "admin" || need.action === "any") return true;
  if (!("namespace" in need)) {
    return need.action === "read-all" && role !== "collector" && identity.namespaces.includes("*");
  }
  if (!covers(identity, need.clusterId, need.namespace)) return false;
  if (need.action === "read") return true;
  return need.action === "write" ? role === "editor" : role === "collector";
}

/** Whether the request's sender may see what belongs to a namespace. */
export function mayRead(context: Context, clusterId: string, namespace: string): boolean {
  return allows(identityOf(context), { action: "read", clusterId, namespace });
}

/** Who sent the request. */
export function identityOf(context: Context): Identity {
  const identity: unknown = context.get(identityKey);
  if (identity === undefined) throw new Error("Cannot tell who asks: authentication has not run before the route");
  return identity as Identity;
}

/** Null when the request's sender may do what is needed, else the answer that refuses it (403). */
export function authorize(context: Context, need: Need): Response | null {
  const identity = identityOf(context);
  if (allows(identity, need)) return null;
  const where = "namespace" in need ? ` in namespace ${need.clusterId}/${need.namespace}` : "";
  const detail = `the token "${identity.name}" (${identity.role}) does not allow "${need.action}"${where}`;
  return problem(context, 403, "Forbidden", detail);
}

/** Middleware for one route: `app.get(path, requireScope({ action: "read-all" }), handler)`. */
export function requireScope(need: Need | ((context: Context) => Need)): MiddlewareHandler {
  return async (context, next) => {
    const refusal = authorize(context, typeof need === "function" ? need(context) : need);
    if (refusal !== null) return refusal;
    return await next();
  };
}

function covers({ namespaces }: Identity, clusterId: string, namespace: string): boolean {
  return namespaces.includes("*") || namespaces.includes(`${clusterId}/${namespace}`);
}

/** Of the context's variables. */
export const identityKey = "bcs-metric identity";
