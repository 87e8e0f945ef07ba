import { messageOf, UserError } from "../../core/errors.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import { type ApiAccess, FileToken } from "../clusters/access.ts";
import type { AccessDeps } from "./kubeconfig.ts";

/** Where Kubernetes puts the identity of a pod's service account. */
export const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The access of a pod to the API server of its own cluster.
 * @throws UserError when this process is in no pod, or its identity cannot be read.
 */
export async function inClusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  deps: AccessDeps,
  folder: string = serviceAccountFolder,
): Promise<ApiAccess> {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (host === "") {
    throw new UserError("Cannot find the API server of Kubernetes: this is no pod; give --kubeconfig");
  }
  const token = new FileToken(`${folder}/token`, deps);
  await token.current();
  return {
    server: `https://${formatAddress({ host, port: Number(port) })}`,
    ca: await readCa(`${folder}/ca.crt`, deps),
    insecureSkipVerify: false,
    token,
  };
}

async function readCa(path: string, { fs }: AccessDeps): Promise<string> {
  try {
    return new TextDecoder().decode(await fs.readFile(path));
  } catch (error) {
    throw new UserError(`Cannot read the CA of the API server "${path}": ${messageOf(error)}`, { cause: error });
  }
}
