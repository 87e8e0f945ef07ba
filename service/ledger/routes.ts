import { Hono } from "hono";
import { requireScope } from "../api/auth.ts";
import { onlyParameters } from "../api/query.ts";
import { type GatherDeps, gatherLedger } from "./gather.ts";

const parameters = ["cluster", "namespace", "collector", "epoch"];

/**
 * `GET /v1/ledger`: the books of all live exporters, asked now, and of the collectors, as they told last. An exporter
 * that cannot be asked is named in `unreachable`. The parameters `cluster`, `namespace`, `collector` and `epoch` show
 * how far the records of those collectors have come.
 */
export function ledgerRoutes(deps: GatherDeps): Hono {
  const app = new Hono();
  app.get("/v1/ledger", requireScope({ action: "read-all" }), onlyParameters(...parameters), async (context) => {
    const query = new URLSearchParams();
    for (const name of parameters) {
      const value = context.req.query(name);
      if (value !== undefined) query.set(name, value);
    }
    return context.json(await gatherLedger(deps, query.size === 0 ? "" : `?${query.toString()}`));
  });
  return app;
}
