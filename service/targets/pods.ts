import type { Pod, PodPort } from "../discovery/discovery.ts";
import { addressOf, type Candidate, type Found, type MetricSpec, selects } from "./candidate.ts";
import { podMeta } from "./meta_labels.ts";

/** The candidates for a metric among the pods of its namespace. */
export function podCandidates(spec: MetricSpec, pods: readonly Pod[]): Found[] {
  return pods.filter((pod) => selects(spec.selector, pod.labels)).map((pod) => ({
    candidate: podCandidate(spec, pod),
    meta: () => podMeta(pod, spec.clusterType, pod.ports.find((port) => asksFor(spec.port, port))),
  }));
}

function podCandidate(spec: MetricSpec, pod: Pod): Candidate {
  if (pod.phase !== "Running") return unresolved(pod, `pod is in phase "${pod.phase}", not Running`);
  if (spec.clusterType === "k8s") return directCandidate(spec, pod, pod.ip === "" ? pod.hostIp : pod.ip);
  switch ((pod.networkMode ?? spec.network?.networkMode ?? "").toUpperCase()) {
    case "BRIDGE":
      return bridgeCandidate(spec, pod);
    case "HOST":
      return directCandidate(spec, pod, pod.hostIp);
    default:
      return directCandidate(spec, pod, pod.ip);
  }
}

/** The pod listens on `host` itself, at the very port that the metric asks for. */
function directCandidate(spec: MetricSpec, pod: Pod, host: string): Candidate {
  if (host === "") return unresolved(pod, "pod has no address yet");
  if (typeof spec.port === "number") return target(pod, host, spec.port);
  const named = pod.ports.find((port) => port.name === spec.port);
  return named === undefined ? unresolved(pod, missingName(pod, spec.port)) : target(pod, host, named.port);
}

/** The pod is behind its host, which publishes some of its ports. */
function bridgeCandidate(spec: MetricSpec, pod: Pod): Candidate {
  const wanted = pod.ports.filter((port) => asksFor(spec.port, port));
  if (wanted.length === 0 && typeof spec.port === "string") return unresolved(pod, missingName(pod, spec.port));
  const published = wanted.find((port) => port.hostPort > 0);
  if (published === undefined) {
    return unresolved(pod, `pod is in network BRIDGE and no host port leads to ${spec.port}`);
  }
  if (pod.hostIp === "") return unresolved(pod, "pod is in network BRIDGE and the address of its host is not known");
  return target(pod, pod.hostIp, published.hostPort);
}

function asksFor(wanted: number | string, port: PodPort): boolean {
  return typeof wanted === "number" ? port.port === wanted : port.name === wanted;
}

function missingName(pod: Pod, wanted: string): string {
  const names = pod.ports.map((port) => port.name === "" ? String(port.port) : port.name);
  return `pod has ${names.length === 0 ? "no ports" : `ports ${names.join(", ")}`}, the metric asks for ${wanted}`;
}

function target(pod: Pod, host: string, port: number): Candidate {
  return { address: addressOf(host, port), pod: pod.name, labels: {} };
}

function unresolved(pod: Pod, reason: string): Candidate {
  return { pod: pod.name, reason };
}
