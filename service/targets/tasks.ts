import type { SuppliedPod, SuppliedTargets } from "../discovery/discovery.ts";
import { addressOf, type Candidate, type Found, type MetricSpec, selects } from "./candidate.ts";
import { taskMeta } from "./meta_labels.ts";

/**
 * The candidates that the Tasks of the metric's namespace supply. A task applies when every pair of the metric's
 * selector is in the task's; a metric without a selector is served by none.
 */
export function taskCandidates(spec: MetricSpec, tasks: readonly SuppliedTargets[]): Found[] {
  if (Object.keys(spec.selector).length === 0) return [];
  return tasks
    .filter((task) => selects(spec.selector, task.selector))
    .flatMap((task) =>
      task.pods.map((pod) => ({ candidate: taskCandidate(spec, task, pod), meta: () => taskMeta(task.name, pod) }))
    );
}

function taskCandidate(spec: MetricSpec, task: SuppliedTargets, pod: SuppliedPod): Candidate {
  const port = pod.port > 0 ? pod.port : spec.port;
  if (typeof port === "number") return { address: addressOf(pod.ip, port), pod: pod.name, labels: {} };
  const reason = `task ${task.name} gives no port for ${pod.ip}, and the metric names its port: ${port}`;
  return { pod: pod.name, reason };
}
