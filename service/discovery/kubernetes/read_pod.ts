import { z } from "zod";
import type { KubeObject } from "../../kubernetes/objects.ts";
import type { Pod, PodPort } from "../discovery.ts";

const container = z.looseObject({
  ports: z.array(z.looseObject({
    name: z.string().default(""),
    containerPort: z.int(),
    hostPort: z.int().default(0),
    protocol: z.string().default("TCP"),
  })).nullish(),
});

const podParts = z.looseObject({
  metadata: z.looseObject({
    ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
      .nullish(),
  }),
  spec: z.looseObject({
    nodeName: z.string().optional(),
    containers: z.array(container).default([]),
    // Those with this policy run beside the others.
    initContainers: z.array(container.extend({ restartPolicy: z.string().optional() })).nullish(),
  }),
  status: z.looseObject({
    phase: z.string().default("Unknown"),
    podIP: z.string().default(""),
    hostIP: z.string().default(""),
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish(),
  }).prefault({}),
});

/** Longer annotations, such as whole manifests, are nothing to relabel by. */
const annotationCharsMax = 1024;

/**
 * A pod as targets are made of it; null for one that is about to go, or that nobody could make sense of. One that has
 * ended stays, so that it can be said why it is not scraped.
 */
export function readPod(clusterId: string, object: KubeObject): Pod | null {
  const parsed = podParts.safeParse(object);
  if (!parsed.success || object.metadata.deletionTimestamp !== undefined) return null;
  const { metadata, spec, status } = parsed.data;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  const annotations = Object.entries(object.metadata.annotations ?? {})
    .filter(([, value]) => value.length <= annotationCharsMax);
  return {
    clusterId,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    phase: status.phase,
    ip: status.podIP,
    hostIp: status.hostIP,
    labels: object.metadata.labels ?? {},
    ports: [...spec.containers, ...sidecars].flatMap(({ ports }) => ports ?? []).flatMap(asPort),
    ready: status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false,
    ...(spec.nodeName === undefined ? {} : { node: spec.nodeName }),
    ...(controller === undefined ? {} : { controller: { kind: controller.kind, name: controller.name } }),
    annotations: Object.fromEntries(annotations),
  };
}

function asPort(port: NonNullable<z.output<typeof container>["ports"]>[number]): PodPort[] {
  if (port.protocol !== "TCP") return [];
  return [{ name: port.name, port: port.containerPort, hostPort: port.hostPort }];
}
