import { dirname, resolve } from "node:path";
import { z } from "zod";
import { messageOf, UserError } from "../../core/errors.ts";
import type { Clock, FileSystem } from "../../core/runtime/env.ts";
import { FileToken, fixedToken, serverBase, type TokenSource } from "../clusters/access.ts";
import { clusterFields, readClustersFile } from "../clusters/clusters_file.ts";

/**
 * `bcs`: the scheduler of BCS runs the collectors, and BCS storage tells of the taskgroups. `bcs-k8s`: a Kubernetes
 * cluster of BCS whose pods are found through BCS storage; its collectors are not run by Mesos. `marathon`: Marathon
 * runs the collectors.
 */
export const mesosFlavors = ["bcs", "bcs-k8s", "marathon"] as const;
export type MesosFlavor = typeof mesosFlavors[number];

/** A cluster by the id that documents have for it. */
export interface MesosCluster {
  readonly clusterId: string;
  readonly flavor: MesosFlavor;
  /** Base of BCS' gateway, or of Marathon. */
  readonly url: string;
  /** Base of BCS storage, which stands for `/bcsstorage/v1`. */
  readonly storage: string;
  /** PEM. */
  readonly ca: string | undefined;
  readonly token: TokenSource;
  /** That this service may look into; empty for all. */
  readonly namespaces: readonly string[];
}

export interface MesosClusterOptions {
  readonly mesosFlavor: MesosFlavor;
  readonly mesosUrl?: string | undefined;
  readonly mesosStorage?: string | undefined;
  readonly mesosCluster?: string | undefined;
  readonly mesosTokenFile?: string | undefined;
  /** File with several clusters, in place of all others. */
  readonly mesosClusters?: string | undefined;
}

export interface MesosClusterDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
}

const entry = z.strictObject({
  ...clusterFields,
  flavor: z.enum(mesosFlavors).default("bcs"),
  url: z.string(),
  storage: z.string().optional(),
  tokenFile: z.string().min(1).optional(),
  caFile: z.string().min(1).optional(),
});

/**
 * The clusters that the options name; none when they name none.
 * @throws UserError when they contradict each other, or a file cannot be used.
 */
export async function readMesosClusters(options: MesosClusterOptions, deps: MesosClusterDeps): Promise<MesosCluster[]> {
  const { mesosFlavor: flavor, mesosUrl: url, mesosStorage: storage, mesosCluster, mesosTokenFile, mesosClusters } =
    options;
  if (mesosClusters !== undefined) {
    if (url !== undefined || mesosCluster !== undefined) {
      throw new UserError("Cannot use --mesos-clusters beside --mesos-url or --mesos-cluster: name all in the file");
    }
    const folder = dirname(mesosClusters);
    return await readClustersFile(mesosClusters, entry, deps.fs, (one, fail) => clusterOf(one, folder, deps, fail));
  }
  if (url === undefined && mesosCluster === undefined) return [];
  if (url === undefined || mesosCluster === undefined) {
    throw new UserError("Cannot use one of --mesos-url and --mesos-cluster without the other");
  }
  const fail = (why: string) => new UserError(`Cannot use --mesos-url: ${why}`);
  const one = { clusterId: mesosCluster, flavor, url, storage, tokenFile: mesosTokenFile, namespaces: [] };
  return [await clusterOf(one, ".", deps, fail)];
}

async function clusterOf(
  one: Omit<z.output<typeof entry>, "namespaces"> & { readonly namespaces: readonly string[] },
  folder: string,
  deps: MesosClusterDeps,
  fail: (why: string, cause?: unknown) => Error,
): Promise<MesosCluster> {
  const url = serverBase(one.url, fail);
  let ca: string | undefined;
  try {
    if (one.caFile !== undefined) ca = new TextDecoder().decode(await deps.fs.readFile(resolve(folder, one.caFile)));
  } catch (error) {
    throw fail(messageOf(error), error);
  }
  return {
    clusterId: one.clusterId,
    flavor: one.flavor,
    url,
    storage: one.storage === undefined ? `${url}/bcsapi/v4/storage` : serverBase(one.storage, fail),
    ca,
    token: one.tokenFile === undefined ? fixedToken("") : new FileToken(resolve(folder, one.tokenFile), deps),
    namespaces: one.namespaces,
  };
}
