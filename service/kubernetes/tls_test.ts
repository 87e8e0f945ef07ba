import assert from "node:assert/strict";
import { test } from "node:test";
import { serveHttp } from "../../core/runtime/http.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { type ApiAccess, fixedToken } from "../clusters/access.ts";
import { KubeClient } from "./client.ts";

const ca = makeCa();
const other = makeCa("another CA");

test("the server must show a certificate of the CA, and may ask for ours", async () => {
  const { cert, key } = ca.issue({ ips: ["127.0.0.1"] });
  const tls = { cert, key, clientCa: ca.cert };
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, () => Response.json({ kind: "PodList" }), tls);
  const server = `https://127.0.0.1:${listener.address.port}`;
  const ask = async (over: Partial<ApiAccess>) => {
    const access = { server, insecureSkipVerify: false, token: fixedToken(""), ...over };
    const client = new KubeClient({ access, clock: systemEnv.clock, timeoutMs: 3000 });
    try {
      return await client.request({ method: "GET", path: "/api/v1/pods" });
    } finally {
      await client.close();
    }
  };
  try {
    const own = ca.issue({ uris: ["spiffe://test"], client: true });
    assert.deepEqual(await ask({ ca: ca.cert, ...own }), { kind: "PodList" });
    assert.deepEqual(await ask({ insecureSkipVerify: true, ...own }), { kind: "PodList" });
    await assert.rejects(ask({ ca: other.cert, ...own }), { name: "ApiError", kind: "unavailable" });
    await assert.rejects(ask({ ca: ca.cert }), { name: "ApiError", kind: "unavailable" });
  } finally {
    await listener.close();
  }
});
