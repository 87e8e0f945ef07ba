import { z } from "zod";
import type { ApiClient, ApiRequest } from "../clusters/api_client.ts";
import { ApiError } from "../clusters/api_error.ts";

const envelope = z.looseObject({ code: z.int(), message: z.string().default(""), data: z.unknown().optional() });

/** The last three digits of the scheduler's codes; before them stands which part of BCS has failed. */
export const bcsCodes = { exists: 201, missing: 202 } as const;

/** BCS has answered, and its code says no. */
export class BcsRefusal extends ApiError {
  override name = "BcsRefusal";
  readonly code: number;

  constructor(message: string, code: number) {
    const offset = code % 1000;
    super(message, {
      kind: offset === bcsCodes.exists ? "conflict" : "unavailable",
      status: offset === bcsCodes.missing ? 404 : 200,
    });
    this.code = code;
  }
}

/**
 * The `data` of an answer of BCS, which is `{code, message, data}` with HTTP status 200 whether it succeeds or not.
 * @throws BcsRefusal when the code is not 0. @throws ApiError
 */
export async function askBcs(client: Pick<ApiClient, "request">, request: ApiRequest): Promise<unknown> {
  const answer = await client.request(request);
  const read = envelope.safeParse(answer);
  if (!read.success) {
    throw new ApiError(`the answer is no envelope of BCS: ${JSON.stringify(answer ?? "").slice(0, 100)}`);
  }
  const { code, message, data } = read.data;
  if (code !== 0) throw new BcsRefusal(`code ${code}: ${message}`, code);
  return data;
}
