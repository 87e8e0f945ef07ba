import type { Context, MiddlewareHandler } from "hono";
import { isLoopback } from "../../core/runtime/reachable_host.ts";
import { type Access, type Grant, mayRead } from "./access.ts";

export interface HttpAccess {
  readonly access: Access;
  /** To which the port is bound. */
  readonly host: string;
}

/** Who asks for a path. */
export interface HttpGrant {
  readonly grant: Grant;
  readonly path: string;
}

/**
 * Middleware before every route but `/metrics`, `/healthz` and `/readyz`: finds out who asks before anything else of
 * the request is read. A token comes as `Authorization: Bearer …` or, from clients of the original system,
 * `X-Bcs-User-Token`. `allowed` says whether it may have the path; by default reading the status does.
 * Where nobody has to say who they are, a port on loopback is guarded against pages of others in a local browser.
 */
export function guardHttp(
  { access, host }: HttpAccess,
  allowed: (asked: HttpGrant) => boolean = ({ grant }) => mayRead(grant),
): MiddlewareHandler {
  return async (context, next) => {
    if (!access.required) return isLoopback(host) && !isLocal(context) ? elsewhere(context) : await next();
    const token = tokenOf(context.req.raw);
    const grant = token === "" ? null : access.identify(token, null);
    if (grant === null) {
      const why = token === "" ? "send a token, as Authorization: Bearer TOKEN" : "the token is not valid";
      return context.json({ error: why }, 401, { "www-authenticate": "Bearer" });
    }
    if (allowed({ grant, path: context.req.path })) return await next();
    return context.json({ error: `the token "${grant.name}" (${grant.role}) does not allow this` }, 403);
  };
}

/** The token that a request was sent with; "" for none. */
export function tokenOf(request: Request): string {
  const bearer = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  return bearer ?? request.headers.get("x-bcs-user-token") ?? "";
}

function isLocal(context: Context): boolean {
  const origin = context.req.header("origin");
  return isLoopback(hostOf(context.req.url)) && (origin === undefined || isLoopback(hostOf(origin)));
}

function elsewhere(context: Context): Response {
  return context.json({ error: "without tokens only this machine is served, by its loopback address" }, 403);
}

/** "" for what is no URL, such as the origin `null` of a sandboxed page. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}
