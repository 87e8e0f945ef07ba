import type { Context, MiddlewareHandler } from "hono";
import { isDeepStrictEqual } from "node:util";
import { linkPrefix } from "../autoscale/approvals/links.ts";
import { isLoopback } from "../loopback.ts";
import { identityKey, identityOf, localAdmin } from "./auth.ts";
import { problem } from "./problem.ts";
import type { Authenticator } from "./tokens.ts";

/**
 * What an orchestrator or a Prometheus asks for, which tells nothing about anybody's documents, and a page that is the
 * same for everybody.
 */
const openPaths = new Set(["/metrics", "/healthz", "/readyz", "/docs"]);

/** Whether a path asks for a token, once there are any. */
export function needsToken(path: string): boolean {
  // A link's signature is what lets in.
  return !openPaths.has(path) && !path.startsWith(linkPrefix);
}

const authenticatorKey = "bcs-metric authenticator";

/**
 * Middleware before all routes: finds out who asks, before anything of the request is read. The token comes as
 * `Authorization: Bearer …`, or as the `X-Bcs-User-Token` of old clients. Without an authenticator everybody who
 * reaches the service from this machine is an admin, except for the pages of others in a browser on it.
 */
export function authenticate(authenticator: Authenticator | null): MiddlewareHandler {
  return async (context, next) => {
    if (!needsToken(context.req.path)) return await next();
    const refusal = authenticator === null ? authenticateLocal(context) : authenticateToken(context, authenticator);
    return refusal ?? await next();
  };
}

/**
 * Calls `run` once when the token that the request was sent with is revoked or may do something else than before:
 * a long-lived answer is to be ended then. Returns what cancels it.
 */
export function onRevoked(context: Context, run: () => void): () => void {
  const authenticator = context.get(authenticatorKey) as Authenticator | undefined;
  if (authenticator === undefined) return () => {};
  const identity = identityOf(context);
  const token = tokenOf(context);
  const stop = authenticator.onChange(() => {
    if (isDeepStrictEqual(authenticator.find(token), identity)) return;
    stop();
    run();
  });
  return stop;
}

function authenticateToken(context: Context, authenticator: Authenticator): Response | null {
  const token = tokenOf(context);
  const identity = token === "" ? null : authenticator.find(token);
  if (identity === null) {
    const detail = token === "" ? "send a token, as Authorization: Bearer TOKEN" : "the token is not valid";
    const answer = problem(context, 401, "Not authenticated", detail);
    answer.headers.set("www-authenticate", "Bearer");
    return answer;
  }
  context.set(identityKey, identity);
  context.set(authenticatorKey, authenticator);
  return null;
}

/**
 * A web page from elsewhere can make a browser on this machine send requests here: its scripts tell their origin, and
 * a name that was made to resolve to this machine is still the Host that they ask for.
 */
function authenticateLocal(context: Context): Response | null {
  const host = new URL(context.req.url).hostname;
  const origin = context.req.header("origin");
  if (!isLoopback(host) || (origin !== undefined && !isLoopback(hostOf(origin)))) {
    const detail = "without tokens only this machine is served, by its loopback address";
    return problem(context, 403, "Forbidden", detail);
  }
  context.set(identityKey, localAdmin);
  return null;
}

function tokenOf(context: Context): string {
  const bearer = /^Bearer +(\S+) *$/i.exec(context.req.header("authorization") ?? "")?.[1];
  return bearer ?? context.req.header("x-bcs-user-token") ?? "";
}

/** "" for what is no URL, such as the origin `null` of a sandboxed page. */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : "";
}
