import { z } from "zod";
import type { TaskDocument } from "../../../core/config/schema.ts";
import { pairsField, textField, uintField } from "./fields.ts";
import { objectMeta, objectMetaField } from "./object_meta.ts";

const metaField = objectMetaField.nullish().transform((value) => value ?? objectMetaField.parse({}));

/** A MetricTask as old clients send it; the names in it do not count, since the path has them. */
export const metricTaskField = z.object({
  selector: pairsField,
  pods: z.array(z.object({ ip: textField, port: uintField, meta: metaField })).nullish()
    .transform((value) => value ?? []),
});

export type MetricTask = z.output<typeof metricTaskField>;

/** The Task document that a MetricTask stands for. Its pods are in the namespace of the task, whatever they say. */
export function taskDraft(
  task: MetricTask,
  key: { readonly clusterId: string; readonly namespace: string; readonly name: string },
  existing: TaskDocument | null,
): Record<string, unknown> {
  const { labels, annotations } = existing?.metadata ?? { labels: {}, annotations: {} };
  const { clusterId, namespace, name } = key;
  return {
    apiVersion: "bcs-metric/v1",
    kind: "Task",
    metadata: {
      clusterId,
      namespace,
      name,
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {
      selector: task.selector,
      pods: task.pods.map(({ ip, port, meta }) => ({
        ip,
        ...(port > 0 ? { port } : {}),
        meta: storedMeta({ ...meta, namespace }),
      })),
    },
  };
}

/** A MetricTask as old clients get it, its keys in the old order. */
export function metricTaskOf({ metadata, spec }: TaskDocument) {
  return {
    clusterID: metadata.clusterId,
    namespace: metadata.namespace,
    name: metadata.name,
    selector: spec.selector,
    pods: spec.pods.map(({ ip, port, meta }) => ({ ip, port, meta: metaOf(meta, metadata.namespace) })),
  };
}

/** What was not given does not go into the file. */
function storedMeta(meta: z.output<typeof objectMetaField>) {
  const { creationTimestamp, ...rest } = objectMeta(meta);
  return meta.creationTimestamp === "" ? rest : { ...rest, creationTimestamp };
}

/** A file may hold any metadata; old clients get what they can read of it. */
function metaOf(meta: Readonly<Record<string, unknown>>, namespace: string) {
  const read = objectMetaField.safeParse(meta);
  if (read.success) return objectMeta({ ...read.data, namespace });
  return objectMeta({ name: typeof meta["name"] === "string" ? meta["name"] : "", namespace });
}
