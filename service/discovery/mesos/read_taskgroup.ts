import { z } from "zod";
import type { Pod } from "../discovery.ts";
import type { StorageItem } from "./storage_copy.ts";

const texts = z.record(z.string(), z.string()).nullish();

const taskgroup = z.looseObject({
  metadata: z.looseObject({ name: z.string().default(""), namespace: z.string().default(""), annotations: texts })
    .prefault({}),
  rcname: z.string().default(""),
  status: z.string().default("Unknown"),
  hostIP: z.string().default(""),
  hostName: z.string().default(""),
  podIP: z.string().default(""),
  containerStatuses: z.array(z.looseObject({
    labels: texts,
    networkMode: z.string().default(""),
    containerPort: z.array(z.looseObject({
      name: z.string().default(""),
      containerPort: z.int().default(0),
      hostPort: z.int().default(0),
    })).nullish(),
  })).nullish(),
});

/** A taskgroup of Mesos as targets are made of it; null for one that nobody could make sense of. */
export function readTaskgroup(clusterId: string, item: StorageItem): Pod | null {
  const parsed = taskgroup.safeParse(item.data);
  if (!parsed.success) return null;
  const { metadata, rcname, status, hostIP, hostName, podIP, containerStatuses } = parsed.data;
  const namespace = item.namespace === "" ? metadata.namespace : item.namespace;
  const name = item.resourceName === "" ? metadata.name : item.resourceName;
  if (namespace === "" || name === "") return null;
  // All containers of a taskgroup share the network of the first, and the original looks at its labels only.
  const first = containerStatuses?.[0];
  const networkMode = first?.networkMode ?? "";
  return {
    clusterId,
    namespace,
    name,
    phase: status,
    ip: podIP,
    hostIp: hostIP,
    labels: first?.labels ?? {},
    ports: (containerStatuses ?? []).flatMap((one) => one.containerPort ?? [])
      .map((one) => ({ name: one.name, port: one.containerPort, hostPort: Math.max(0, one.hostPort) })),
    ...(networkMode === "" ? {} : { networkMode }),
    ...(hostName === "" ? {} : { node: hostName }),
    ...(rcname === "" ? {} : { controller: { kind: "Application", name: rcname } }),
    ...(metadata.annotations ? { annotations: metadata.annotations } : {}),
  };
}
