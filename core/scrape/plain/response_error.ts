/** What a target sent is no HTTP/1.1 response, or one that we refuse; the message is the reason for the user. */
export class ResponseError extends Error {
  override name = "ResponseError";
}

/** @param why names the rule that is broken. */
export function notHttp(why: string): ResponseError {
  return new ResponseError(`not an HTTP response: ${why}`);
}
