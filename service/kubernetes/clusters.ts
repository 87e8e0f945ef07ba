import { dirname, resolve } from "node:path";
import { z } from "zod";
import { messageOf, UserError } from "../../core/errors.ts";
import { type ApiAccess, FileToken, fixedToken, serverBase } from "../clusters/access.ts";
import { clusterFields, readClustersFile } from "../clusters/clusters_file.ts";
import { inClusterAccess } from "./in_cluster.ts";
import { type AccessDeps, readKubeconfig } from "./kubeconfig.ts";

/** A Kubernetes cluster by the id that documents have for it. */
export interface KubeCluster {
  readonly clusterId: string;
  readonly access: ApiAccess;
  /** That this service may look into; empty for all. */
  readonly namespaces: readonly string[];
}

/** What the options say of the clusters. */
export interface KubeClusterOptions {
  /** File with several clusters. */
  readonly kubernetesClusters?: string | undefined;
  /** For one cluster: its id; without a kubeconfig it is that whose pod this process is. */
  readonly cluster?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly kubernetesContext: string;
  readonly kubernetesNamespaces: readonly string[];
}

const entry = z.strictObject({
  ...clusterFields,
  kubeconfig: z.string().min(1).optional(),
  context: z.string().default(""),
  server: z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  caFile: z.string().optional(),
}).refine(({ kubeconfig, server }) => kubeconfig === undefined || server === undefined, {
  error: "must have kubeconfig or server, not both",
}).refine(
  ({ server, token, tokenFile, caFile }) =>
    server !== undefined || (token === undefined && tokenFile === undefined && caFile === undefined),
  {
    error: "token, tokenFile and caFile belong to server",
  },
).refine(({ token, tokenFile }) => token === undefined || tokenFile === undefined, {
  error: "must have token or tokenFile, not both",
});

export interface ClusterDeps extends AccessDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Whether the options name a cluster at all. */
export function namesCluster({ kubernetesClusters, cluster }: KubeClusterOptions): boolean {
  return kubernetesClusters !== undefined || cluster !== undefined;
}

/**
 * The clusters that the options name.
 * @throws UserError when they contradict each other, or a file cannot be used.
 */
export async function readClusters(options: KubeClusterOptions, deps: ClusterDeps): Promise<KubeCluster[]> {
  const { kubernetesClusters, cluster, kubeconfig, kubernetesContext, kubernetesNamespaces } = options;
  if (kubernetesClusters !== undefined) {
    if (cluster !== undefined || kubeconfig !== undefined) {
      throw new UserError("Cannot use --kubernetes-clusters beside --cluster or --kubeconfig: name all in the file");
    }
    return await readClustersFile(kubernetesClusters, entry, deps.fs, async (one, fail) => ({
      clusterId: one.clusterId,
      namespaces: one.namespaces,
      access: await accessOf(one, dirname(kubernetesClusters), deps, fail),
    }));
  }
  if (cluster === undefined) {
    throw new UserError("Cannot use Kubernetes: give --cluster with the id of its cluster, or --kubernetes-clusters");
  }
  const access = kubeconfig === undefined
    ? await inClusterAccess(deps.environment, deps)
    : await readKubeconfig(kubeconfig, kubernetesContext, deps);
  return [{ clusterId: cluster, access, namespaces: kubernetesNamespaces }];
}

async function accessOf(
  one: z.output<typeof entry>,
  folder: string,
  deps: ClusterDeps,
  fail: (why: string, cause?: unknown) => Error,
): Promise<ApiAccess> {
  if (one.kubeconfig !== undefined) return await readKubeconfig(resolve(folder, one.kubeconfig), one.context, deps);
  if (one.server === undefined) return await inClusterAccess(deps.environment, deps);
  let ca: string | undefined;
  try {
    if (one.caFile !== undefined) ca = new TextDecoder().decode(await deps.fs.readFile(resolve(folder, one.caFile)));
  } catch (error) {
    throw fail(messageOf(error), error);
  }
  const token = one.tokenFile === undefined
    ? fixedToken(one.token ?? "")
    : new FileToken(resolve(folder, one.tokenFile), deps);
  return { server: serverBase(one.server, fail), ca, insecureSkipVerify: false, token };
}
