import { Hono } from "hono";
import assert from "node:assert/strict";
import { documentPath } from "../../../../core/config/key.ts";
import type { ConfigDocument } from "../../../../core/config/schema.ts";
import { MemoryStore } from "../../../../core/store/memory_store.ts";
import { makeLogger } from "../../../../core/telemetry/log.ts";
import { ConfigState } from "../../../config_state.ts";
import type { Documents } from "../../../documents/documents.ts";
import { makeDocuments } from "../../../documents/store_documents.ts";
import { type Identity, identityKey, localAdmin } from "../../auth.ts";
import type { OldApiDeps } from "../answer.ts";
import { oldApiRoutes, oldPrefixes } from "../routes.ts";

/** The moment at which tests ask. */
export const nowMs = 1_700_000_000_000;

/** The old routes over documents in memory. */
export class OldApp {
  readonly store = new MemoryStore();
  readonly lines: string[] = [];
  readonly documents: Documents;
  readonly #config = new ConfigState({ frequencyMinSeconds: 60 });
  readonly #app = new Hono();

  private constructor(over: Partial<OldApiDeps>, identity: Identity) {
    const log = makeLogger("test", "info", { write: (line) => void this.lines.push(line) });
    const apply = (event: Parameters<ConfigState["apply"]>[0]) => void this.#config.apply(event);
    const { store } = this;
    this.documents = makeDocuments({ store, config: this.#config, log, frequencyMinSeconds: 60, apply });
    this.#app.use(async (context, next) => {
      context.set(identityKey as never, identity as never);
      await next();
    });
    const clock = { wallMs: () => nowMs };
    const deps = { documents: this.documents, clock, log, frequencyMinSeconds: 60, storeRead: () => true, ...over };
    this.#app.route("/", oldApiRoutes(deps));
  }

  static async make(over: Partial<OldApiDeps> = {}, identity: Identity = localAdmin): Promise<OldApp> {
    const app = new OldApp(over, identity);
    await app.store.watch("", (event) => app.#config.apply(event));
    return app;
  }

  /** Puts a document in its place as somebody else would. */
  set(document: ConfigDocument): void {
    const { clusterId, namespace, name } = document.metadata;
    const path = documentPath({ clusterId, kind: document.kind, namespace, name });
    this.store.putElsewhere(path, JSON.stringify(document));
    const status = this.documents.fileStatus({ clusterId, kind: document.kind, namespace, name });
    assert.equal(status?.state, "ok", JSON.stringify(status));
  }

  /** The answer's text; its status has to be 200, or what is said. */
  async ask(method: string, path: string, body?: string, status = 200, prefix: string = oldPrefixes[0]) {
    const answer = await this.#app.request(prefix + path, { method, ...(body === undefined ? {} : { body }) });
    const text = await answer.text();
    assert.equal(answer.status, status, `${method} ${path}: ${text}`);
    assert.equal(answer.headers.get("content-type"), "application/json");
    return text;
  }
}

/** The text of an answer that is a success. */
export function ok(data: string): string {
  return `{"result":true,"code":0,"message":"success","data":${data}}`;
}

/** The text of an answer that is a failure. */
export function failed(code: number, message: string): string {
  return JSON.stringify({ result: false, code, message: `(bcs-metricservice):${message}`, data: {} });
}

/** Routes that fail by a defect. */
export function brokenDocuments(): Documents {
  const fail = () => {
    throw new Error("canary");
  };
  return { get: fail, list: fail, fileStatus: fail, watch: fail, put: fail, delete: fail };
}
