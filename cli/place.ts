import { z } from "zod";
import { UserError } from "../core/errors.ts";
import { safeNameText } from "../core/option_types.ts";
import { type ClientOptions, getJson } from "./client.ts";

/** The options that say where a document is, or what is listed. */
export const placeOptions = {
  cluster: { value: "CLUSTER", help: "the cluster; all without it", schema: safeNameText.optional() },
  namespace: { value: "NAMESPACE", help: "the namespace; all without it", schema: safeNameText.optional() },
} as const;

export interface Place {
  readonly cluster?: string | undefined;
  readonly namespace?: string | undefined;
}

/** A kind of document as the API and the command call it. */
export interface ResourceKind {
  readonly kind: "Metric" | "Task";
  readonly plural: "metrics" | "tasks";
  readonly word: "metric" | "task";
}

const documentSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ clusterId: z.string(), namespace: z.string(), name: z.string() }),
  spec: z.looseObject({}),
  status: z.looseObject({ state: z.string() }),
});
export type ListedDocument = z.output<typeof documentSchema>;

const listSchema = z.object({ items: z.array(documentSchema), continue: z.string().optional() });

/** Pages of a list that are fetched: enough for any list, and an end for a service that never comes to one. */
const pagesMax = 10_000;

/** In the place of a cluster or a namespace: all of them. */
const everywhere = "-";

/** `/v1/clusters/c1/namespaces/shop/metrics`. */
export function listPath({ plural }: ResourceKind, { cluster = everywhere, namespace = everywhere }: Place): string {
  return `/v1/clusters/${encodeURIComponent(cluster)}/namespaces/${encodeURIComponent(namespace)}/${plural}`;
}

/** Every document of the kind, page by page. */
export async function listAll(
  client: ClientOptions,
  kind: ResourceKind,
  place: Place,
  labelSelector?: string,
): Promise<ListedDocument[]> {
  const items: ListedDocument[] = [];
  let next: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const list = await getJson(client, listPath(kind, place), { labelSelector, continue: next }, listSchema);
    items.push(...list.items);
    next = list.continue;
    if (next === undefined) return items;
  }
  throw new UserError(`Cannot list ${kind.plural}: the service has more than ${pagesMax} pages of them`);
}

/**
 * The path of the document that is called `name`: at the place given, or wherever the only one of that name is.
 * @throws UserError when there is none, or when there are several.
 */
export async function findPath(
  client: ClientOptions,
  kind: ResourceKind,
  place: Place,
  name: string,
): Promise<{ readonly path: string; readonly title: string }> {
  const { cluster, namespace } = place;
  if (cluster !== undefined && namespace !== undefined) return pathOf(kind, cluster, namespace, name);
  const named = (await listAll(client, kind, place)).filter(({ metadata }) => metadata.name === name);
  const [first] = named;
  if (first === undefined) throw new UserError(`Cannot find ${kind.word} "${name}": the service has none in force`);
  if (named.length === 1) return pathOf(kind, first.metadata.clusterId, first.metadata.namespace, name);
  const places = named.map(({ metadata }) => `${metadata.clusterId}/${metadata.namespace}`).join(", ");
  throw new UserError(
    `Cannot tell which ${kind.word} "${name}" is meant: there is one in ${places}; choose by --cluster and --namespace`,
  );
}

function pathOf(kind: ResourceKind, cluster: string, namespace: string, name: string) {
  const path = `${listPath(kind, { cluster, namespace })}/${encodeURIComponent(name)}`;
  return { path, title: `${cluster}/${namespace}/${name}` };
}
