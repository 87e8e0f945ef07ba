import { z } from "zod";
import { pairsField, textField } from "./fields.ts";

/** The metadata of a pod as old clients send it. */
export const objectMetaField = z.object({
  name: textField,
  namespace: textField,
  creationTimestamp: textField,
  labels: pairsField,
  annotations: pairsField,
  clusterName: textField,
});

/** What Go writes for a time that was never set; without it old clients fail to read the rest. */
const timeUnset = "0001-01-01T00:00:00Z";

type Pairs = Readonly<Record<string, string>>;

/** The metadata of a pod as old clients get it: keys in the old order, what is empty left out where it was. */
export function objectMeta(meta: {
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp?: string;
  readonly labels?: Pairs;
  readonly annotations?: Pairs;
  readonly clusterName?: string;
}) {
  const { name, namespace, creationTimestamp = "", labels = {}, annotations = {}, clusterName = "" } = meta;
  return {
    name,
    namespace,
    creationTimestamp: creationTimestamp === "" ? timeUnset : creationTimestamp,
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(clusterName === "" ? {} : { clusterName }),
  };
}
