import { load } from "js-yaml";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { messageOf, UserError } from "../../core/errors.ts";
import type { Clock, FileSystem } from "../../core/runtime/env.ts";
import { type ApiAccess, FileToken, fixedToken, serverBase, type TokenSource } from "../clusters/access.ts";

export interface AccessDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
}

const text = z.string().optional();

const clusterEntry = z.looseObject({
  server: z.string(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": text,
  "proxy-url": text,
});

const userEntry = z.looseObject({
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  token: text,
  tokenFile: text,
  username: text,
});

const kubeconfig = z.looseObject({
  "current-context": text,
  contexts: z.array(z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: text }) })),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterEntry })),
  users: z.array(z.looseObject({ name: z.string(), user: userEntry.nullable() })).nullish(),
});

/** What of a user entry would need programs or protocols that are not ours. */
const refusedUserKeys = ["exec", "auth-provider", "username", "password", "as"] as const;

/**
 * The access that a context of a kubeconfig file describes; files that it names are taken from its own folder.
 *
 * @param context "" for the file's current one.
 * @throws UserError when the file or what it names cannot be read, or asks for what is not supported.
 */
export async function readKubeconfig(path: string, context: string, deps: AccessDeps): Promise<ApiAccess> {
  const fail = (why: string, cause?: unknown) => new UserError(`Cannot use kubeconfig "${path}": ${why}`, { cause });
  const config = parse(await readText(path, deps, fail), fail);
  const name = context === "" ? config["current-context"] ?? "" : context;
  const chosen = config.contexts.find((one) => one.name === name)?.context;
  const known = config.contexts.map((one) => one.name).join(", ");
  if (chosen === undefined) throw fail(`it has no context "${name}"; it has ${known === "" ? "none" : known}`);
  const cluster = config.clusters.find((one) => one.name === chosen.cluster)?.cluster;
  if (cluster === undefined) throw fail(`context "${name}" names cluster "${chosen.cluster}", which is not in it`);
  if (cluster["proxy-url"] !== undefined) throw fail(`cluster "${chosen.cluster}" has a proxy-url: not supported`);
  const user = config.users?.find((one) => one.name === chosen.user)?.user ?? {};
  const refused = refusedUserKeys.find((key) => user[key] !== undefined);
  if (refused !== undefined) {
    throw fail(`user "${chosen.user}" logs in with "${refused}": use a token, a tokenFile or a client certificate`);
  }
  const pem = async (data: string | undefined, file: string | undefined) => {
    if (data !== undefined) return Buffer.from(data, "base64").toString("utf8");
    return file === undefined ? undefined : await readText(resolve(dirname(path), file), deps, fail);
  };
  const cert = await pem(user["client-certificate-data"], user["client-certificate"]);
  const key = await pem(user["client-key-data"], user["client-key"]);
  if ((cert === undefined) !== (key === undefined)) throw fail("it has only one of client certificate and client key");
  return {
    server: serverBase(cluster.server, fail),
    ca: await pem(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    cert,
    key,
    serverName: cluster["tls-server-name"],
    insecureSkipVerify: cluster["insecure-skip-tls-verify"] ?? false,
    token: tokenOf(user, dirname(path), deps),
  };
}

type User = z.output<typeof userEntry>;

/** As kubectl has it: what stands in the file itself counts less than what a file, which may be renewed, says. */
function tokenOf(user: Partial<User>, folder: string, deps: AccessDeps): TokenSource {
  if (user.tokenFile !== undefined) return new FileToken(resolve(folder, user.tokenFile), deps);
  return fixedToken(user.token ?? "");
}

function parse(content: string, fail: (why: string, cause?: unknown) => Error): z.output<typeof kubeconfig> {
  let value: unknown;
  try {
    value = load(content);
  } catch (error) {
    throw fail(`it is no YAML: ${messageOf(error).split("\n", 1)[0]}`, error);
  }
  const parsed = kubeconfig.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw fail(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

async function readText(
  path: string,
  { fs }: AccessDeps,
  fail: (why: string, cause?: unknown) => Error,
): Promise<string> {
  try {
    return new TextDecoder().decode(await fs.readFile(path));
  } catch (error) {
    throw fail(messageOf(error), error);
  }
}
