import type { JsonObject } from "./field_sets.ts";
import type { KubeJson, KubeStore } from "./store.ts";
import { at, listAt, textAt } from "./validate.ts";

const sets = "apps/v1/statefulsets";
const pods = "v1/pods";
const manager = { manager: "controller" };

/** Makes the pods of the StatefulSets, and lets them run, as controller manager and kubelet do, only at once. */
export function runSetController(store: KubeStore): () => void {
  let scheduled = false;
  const work = () => {
    scheduled = false;
    for (const set of store.list(sets, "")) keepPods(store, set);
    for (const pod of store.list(pods, "")) collect(store, pod);
  };
  const stop = store.onChange(() => {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(work);
  });
  return stop;
}

function keepPods(store: KubeStore, set: KubeJson): void {
  const { namespace, name, uid = "" } = set.metadata;
  const spec = at(set, "spec");
  const replicas = Number(spec["replicas"] ?? 1);
  const template = at(spec, "template");
  const revision = JSON.stringify(template);
  for (const pod of store.list(pods, namespace)) {
    if (ownerOf(pod)["uid"] !== uid) continue;
    const ordinal = Number(pod.metadata.name.slice(name.length + 1));
    const isOld = at(pod.metadata, "annotations")["test/revision"] !== revision;
    if (ordinal >= replicas || isOld) store.delete(pods, namespace, pod.metadata.name);
  }
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    const podName = `${name}-${ordinal}`;
    if (store.get(pods, namespace, podName) !== null) continue;
    const metadata = {
      name: podName,
      namespace,
      resourceVersion: "",
      labels: { ...at(at(template, "metadata"), "labels"), "statefulset.kubernetes.io/pod-name": podName },
      annotations: { ...at(at(template, "metadata"), "annotations"), "test/revision": revision },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "StatefulSet", name, uid, controller: true }],
    };
    const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: at(template, "spec"), status: statusOf(template) };
    store.put(pods, pod, manager);
  }
}

/** An image whose name says so cannot be had. */
function statusOf(template: JsonObject): JsonObject {
  const image = textAt(listAt(at(template, "spec"), "containers")[0] ?? {}, "image");
  const state: JsonObject = image.includes("missing")
    ? { waiting: { reason: "ImagePullBackOff", message: `Back-off pulling image "${image}"` } }
    : { running: { startedAt: "2026-01-01T00:00:00Z" } };
  const phase = "running" in state ? "Running" : "Pending";
  return { phase, podIP: "10.0.0.1", containerStatuses: [{ name: "c", restartCount: 0, state, lastState: {} }] };
}

function collect(store: KubeStore, pod: KubeJson): void {
  const owner = ownerOf(pod);
  if (owner["kind"] !== "StatefulSet") return;
  const set = store.get(sets, pod.metadata.namespace, textAt(owner, "name"));
  if (set?.object.metadata["uid"] !== owner["uid"]) store.delete(pods, pod.metadata.namespace, pod.metadata.name);
}

function ownerOf(pod: KubeJson): JsonObject {
  return listAt(pod.metadata, "ownerReferences")[0] ?? {};
}
