export { type Answer, describeAnswer, oneLine, outcomeOf, type RequestOutcome, retryAfterMs } from "./answer.ts";
export { createHttpClient, type HttpClient, type HttpRequest, RequestFailedError } from "./client.ts";
export {
  type HttpConfig,
  type HttpContext,
  httpShape,
  oneCredential,
  openHttpClient,
  timeoutMsDefault,
} from "./options.ts";
export { readSecret, type SecretPlaces, secretReference, type Variables } from "./secret.ts";
export { send } from "./send.ts";
