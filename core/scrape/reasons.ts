import { errorCode } from "../errors.ts";
import { isRedirect } from "./redirect.ts";
import { ProxyError } from "./tunnel.ts";

/** Whether the connection ended, for whatever reason, though nobody here wanted it to. */
export function connectionBroke(error: Error): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(errorCode(error));
}

const reasonsByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the target",
  EPIPE: "connection reset by the target",
  UND_ERR_SOCKET: "connection closed before the response was complete",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host name cannot be resolved now",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "no route to network",
  ETIMEDOUT: "connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "connection timed out",
  UND_ERR_HEADERS_OVERFLOW: "response headers are too large",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "body is not as long as its Content-Length",
  CERT_HAS_EXPIRED: "the target's certificate has expired",
  CERT_NOT_YET_VALID: "the target's certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the target's certificate is not signed by a trusted CA",
  SELF_SIGNED_CERT_IN_CHAIN: "the target's certificate is not signed by a trusted CA",
  UNABLE_TO_GET_ISSUER_CERT: "the target's certificate is not signed by a trusted CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the target's certificate is not signed by a trusted CA",
  // Deno says so of one that has expired too.
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the target's certificate is not signed by a trusted CA, or not valid now",
  ERR_TLS_CERT_ALTNAME_INVALID: "the target's certificate is for another name",
};

/** Short and exact, for the status of the target. */
export function failureReason(error: Error): string {
  if (error instanceof ProxyError) return error.message;
  const known = reasonsByCode[errorCode(error)];
  if (known !== undefined) return known;
  return error.name === "HTTPParserError" ? `not an HTTP response: ${error.message}` : error.message;
}

/** For any status but 200, when redirects are not followed. */
export function statusReason(status: number): string {
  return isRedirect(status) ? `HTTP ${status} (redirects are not followed)` : `HTTP ${status}`;
}

/** For a content coding that was not asked for, or several. */
export function codingReason(coding: string): string {
  return `content encoding "${coding.slice(0, 50)}" is not supported`;
}
