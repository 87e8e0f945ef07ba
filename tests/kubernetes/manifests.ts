import assert from "node:assert/strict";
import { join } from "node:path";
import { after, test } from "node:test";
import { type JsonObject } from "../../service/kubernetes/testing/field_sets.ts";
import { at, textAt } from "../../service/kubernetes/testing/validate.ts";
import { RealCluster } from "../support/kube_api/real_cluster.ts";
import { Manifests, manifestsFolder, nameOf } from "../support/manifests.ts";

/** Run by `scripts/kubernetes`: a real API server takes every object of deploy/kubernetes, and knows every field. */
const cluster = await RealCluster.start();
after(() => cluster.close());

// The example is over `volume`.
for (const folder of ["etcd", "example"]) {
  test(`the manifests of ${folder} are taken`, async () => {
    const { objects } = await Manifests.build(join(manifestsFolder, folder));
    for (const object of objects) {
      const body = asOldServersHaveIt(object);
      const version = textAt(body, "apiVersion");
      const namespace = textAt(at(body, "metadata"), "namespace");
      const base = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
      const scope = namespace === "" ? "" : `/namespaces/${namespace}`;
      const answer = await cluster.admin.request({
        method: "PATCH",
        path: `${base}${scope}/${pluralOf(textAt(body, "kind"))}/${nameOf(body)}`,
        // By server-side apply, which refuses fields that the server does not know.
        contentType: "application/apply-patch+yaml",
        query: { fieldManager: "test", force: "true" },
        body,
      });
      assert.equal(nameOf(answer as JsonObject), nameOf(body));
    }
  });
}

/** The server that `scripts/kubernetes` builds, 1.20, has disruption budgets as a beta. */
function asOldServersHaveIt(object: JsonObject): JsonObject {
  return object["kind"] === "PodDisruptionBudget" ? { ...object, apiVersion: "policy/v1beta1" } : object;
}

function pluralOf(kind: string): string {
  return kind === "NetworkPolicy" ? "networkpolicies" : `${kind.toLowerCase()}s`;
}
