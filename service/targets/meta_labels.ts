import type { Component, Pod, PodPort, SuppliedPod } from "../discovery/discovery.ts";

/** Labels that relabelling can look at and that no series gets by itself; their names begin with `__meta_`. */
export type MetaLabels = Readonly<Record<string, string>>;

/**
 * What is known of a pod. For Kubernetes the same is there under the names of Prometheus' discovery of pods, so that
 * rules written for it do what they did.
 *
 * @param port through which the pod is scraped, if it lists that.
 */
export function podMeta(pod: Pod, clusterType: string, port: PodPort | undefined): MetaLabels {
  const facts = {
    pod_name: pod.name,
    pod_ip: pod.ip,
    pod_phase: pod.phase,
    ...labelFacts("pod_label", pod.labels),
    ...labelFacts("pod_annotation", pod.annotations ?? {}),
    ...(pod.ready === undefined ? {} : { pod_ready: String(pod.ready) }),
    ...(pod.node === undefined ? {} : { pod_node_name: pod.node }),
    ...(pod.controller === undefined
      ? {}
      : { pod_controller_kind: pod.controller.kind, pod_controller_name: pod.controller.name }),
  };
  const portFacts = port === undefined ? {} : { port_name: port.name, port_number: String(port.port) };
  const ours = {
    source: "pod",
    ...facts,
    host_ip: pod.hostIp,
    network_mode: pod.networkMode ?? "",
    ...prefixed("pod_", portFacts),
  };
  const theirs = {
    namespace: pod.namespace,
    ...facts,
    pod_host_ip: pod.hostIp,
    ...prefixed("pod_container_", portFacts),
  };
  return {
    ...prefixed("__meta_bcs_", ours),
    ...(clusterType === "k8s" ? prefixed("__meta_kubernetes_", theirs) : {}),
  };
}

export function componentMeta({ id, module, ip }: Component): MetaLabels {
  const facts = { source: "component", component_id: id, component_module: module, component_ip: ip };
  return prefixed("__meta_bcs_", facts);
}

/** @param task its name. */
export function taskMeta(task: string, { name, ip }: SuppliedPod): MetaLabels {
  return prefixed("__meta_bcs_", { source: "task", task_name: task, pod_name: name, pod_ip: ip });
}

/** A label and whether it is there; its name with `_` for what no label of Prometheus' old rules may hold. */
function labelFacts(kind: string, labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([name, value]) => {
      const safe = name.replaceAll(/[^A-Za-z0-9_]/g, "_");
      return [[`${kind}_${safe}`, value], [`${kind}present_${safe}`, "true"]];
    }),
  );
}

function prefixed(prefix: string, facts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [prefix + name, value]));
}
