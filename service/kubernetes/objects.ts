import { z } from "zod";

/** What every object of an API server has; the rest is kept as it came. */
export const kubeObject = z.looseObject({
  metadata: z.looseObject({
    name: z.string().default(""),
    namespace: z.string().default(""),
    resourceVersion: z.string().default(""),
    uid: z.string().optional(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});

export type KubeObject = z.output<typeof kubeObject>;

export function itemKey({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}
