import { Hono } from "hono";
import { frameBodyBytesMax, FrameType } from "../../core/protocol/frame.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { Access } from "../access/access.ts";
import { recordProblem } from "../access/claims.ts";
import { type HttpGrant, tokenOf } from "../access/http.ts";
import type { OpaqueWalRecord } from "../wal/wal.ts";
import { BodyError, BodyReader } from "./export_body.ts";

export interface ExportRouteDeps {
  readonly access: Access;
  readonly clock: Pick<Clock, "wallMs">;
  /**
   * Appends the record and resolves once it is durable. Null while nothing can be taken.
   * @throws NotTakenError when it did not become durable.
   */
  readonly take: (record: OpaqueWalRecord) => Promise<void> | null;
  /** Bytes of all bodies that are being received. Default 64 MiB. */
  readonly bodiesBytesMax?: number;
}

/** What was received could not be made durable, or not in time; it may be there all the same. */
export class NotTakenError extends Error {
  override name = "NotTakenError";
}

const bodiesBytesMaxDefault = 64 * 1024 * 1024;

/** The plugins of the original: BlueKing's data platform and the default exporter. */
const pluginTypes: readonly bigint[] = [BigInt(FrameType.blueKing), BigInt(FrameType.record)];

/**
 * `POST /api/{any}/export/type/{type}/data/{dataid}` of the original system: the body is one record as types 1 and 3
 * carry it, and goes into the same log. 200 and `success` once it is fsynced; 400 for a type or data id that is no
 * integer; 500 for a type without a plugin. Besides: 401 and 403 for who may not send, 413 above 16 MiB, also after
 * decompression, 415 for an encoding other than gzip, and 503 while the log takes nothing.
 */
export function exportRoute(deps: ExportRouteDeps): Hono {
  const bodies = new BodyReader({
    bodyBytesMax: frameBodyBytesMax,
    totalBytesMax: deps.bodiesBytesMax ?? bodiesBytesMaxDefault,
  });
  const app = new Hono();
  app.post("/api/:version/export/type/:type/data/:dataid", async (context) => {
    const type = readInteger(context.req.param("type"));
    const dataId = readInteger(context.req.param("dataid"));
    if (type === null || dataId === null) return context.text("type and data id must be integers\n", 400);
    if (!pluginTypes.includes(type)) return context.text(`there is no plugin for type ${type}\n`, 500);
    const unavailable = () => context.text("the log takes nothing now\n", 503, { "retry-after": "1" });
    try {
      const body = await bodies.read(context.req.raw);
      const problem = forgery(deps.access, context.req.raw, dataId, body);
      if (problem !== null) return context.text(`${problem}\n`, 403);
      const timestampNs = BigInt(Math.round(deps.clock.wallMs())) * 1_000_000n;
      const where = { kind: "opaque", origin: null, sequence: 0, frameType: Number(type) } as const;
      const taken = deps.take({ ...where, id: dataId, timestampNs, body });
      if (taken === null) return unavailable();
      await taken;
      return context.text("success");
    } catch (error) {
      if (error instanceof BodyError) return context.text(`${error.message}\n`, error.status);
      if (error instanceof NotTakenError) return unavailable();
      throw error;
    }
  });
  return app;
}

/** What a token must allow for the route; the rest is looked at when the body is there. */
export function mayExport({ grant }: HttpGrant): boolean {
  return grant.role === "collector" || grant.role === "admin";
}

function forgery(access: Access, request: Request, dataId: bigint, body: Uint8Array): string | null {
  if (!access.required) return null;
  const grant = access.identify(tokenOf(request), null);
  if (grant === null) return "the token is not valid any more";
  return recordProblem(dataId, body, null, grant);
}

/** A 64-bit integer in decimal, as the original reads it. */
function readInteger(text: string): bigint | null {
  if (!/^[+-]?\d{1,19}$/.test(text)) return null;
  const value = BigInt(text.replace(/^\+/, ""));
  return BigInt.asIntN(64, value) === value ? value : null;
}
