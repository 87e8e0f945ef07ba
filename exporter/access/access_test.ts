import assert from "node:assert/strict";
import { test } from "node:test";
import { makeAccess, mayRead, maySend, openAccess } from "./access.ts";
import { FakeTokens } from "./access_testing.ts";

const shop = { cluster: "C1", namespace: "shop" };
const tokens = new FakeTokens();
tokens.set("good", { namespaces: ["C1/shop"] });

test("with neither tokens nor client certificates everybody may send", () => {
  assert.equal(makeAccess({ tokens: null, clientCertificates: false, oldClients: false }), openAccess);
  const grant = openAccess.identify("", null);
  assert.ok(grant !== null && maySend(grant, shop));
});

test("a token decides when there is one, else the certificate does", () => {
  const access = makeAccess({ tokens, clientCertificates: true, oldClients: false });
  const peer = { names: ["C1/other"], uris: ["https://elsewhere/", "bcs-metric://C2/other", "bcs-metric://C2/*"] };
  assert.equal(access.identify("good", peer)?.name, "good");
  assert.equal(access.identify("bad", peer), null, "a wrong token is not made good by a certificate");
  assert.deepEqual(access.identify("", peer)?.namespaces, ["C2/other", "C2/*"]);
  assert.equal(access.identify("", null), null);
});

test("a certificate without a URI of ours, or one that is no namespace, is nobody's", () => {
  const access = makeAccess({ tokens: null, clientCertificates: true, oldClients: false });
  for (const uri of ["C1/shop", "spiffe://C1/shop", "bcs-metric://*", "bcs-metric://C1", "bcs-metric://C1/a/b"]) {
    assert.equal(access.identify("", { names: ["bcs-metric://C1/shop"], uris: [uri] }), null, uri);
  }
  for (const uri of ["bcs-metric://*/shop", "bcs-metric://../shop", "bcs-metric:///shop"]) {
    assert.equal(access.identify("", { names: [], uris: [uri] }), null, uri);
  }
});

test("a grant covers its namespaces and its role", () => {
  const grant = { name: "g", dataIds: null } as const;
  const check = (namespaces: string[], cluster: string, namespace: string) =>
    maySend({ ...grant, role: "collector", namespaces }, { cluster, namespace });
  assert.ok(check(["C1/shop"], "C1", "shop"));
  assert.ok(check(["C1/*"], "C1", "shop"));
  assert.ok(check(["*"], "C1", "shop"));
  assert.ok(!check(["C1/shop", "C2/*"], "C1", "other"));
  assert.ok(!check(["C1/shop"], "C2", "shop"));
  assert.ok(!maySend({ ...grant, role: "viewer", namespaces: ["*"] }, shop));
  assert.ok(mayRead({ ...grant, role: "viewer", namespaces: ["*"] }));
  assert.ok(!mayRead({ ...grant, role: "viewer", namespaces: ["C1/shop"] }), "the status concerns all namespaces");
  assert.ok(!mayRead({ ...grant, role: "collector", namespaces: ["*"] }));
});
