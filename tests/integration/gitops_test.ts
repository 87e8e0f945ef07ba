import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import { freePort, needs, startCommand } from "../support/programs.ts";
import { waitFor } from "../support/wait.ts";

/** From a finished `git pull` to its effect, or to the refusal being told. */
const effectMsMax = 1000;

const path = "c1/metric/shop/cart.yaml";
const metric = `# The cart, scraped through the sidecar.
apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: c1, namespace: shop, name: cart }
spec:
  version: "1" # bump me
  port: 9100
  uri: /metrics
`;

let folder = "";
let volume = "";
let url = "";
let service: Child;

/** Runs git in a folder, as nobody in particular. */
async function git(at: string, ...args: readonly string[]): Promise<string> {
  const who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"];
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const { stdout } = await promisify(execFile)("git", [...who, ...args], { cwd: at, env });
  return stdout;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-gitops-"));
  volume = join(folder, "volume");
  const team = join(folder, "team");
  await git(folder, "init", "--quiet", "--bare", "origin");
  await git(folder, "clone", "--quiet", "origin", "team");
  await writeFile(join(team, ".gitignore"), ".bcs-metric/\n*/collection/\n");
  await git(team, "add", ".");
  await git(team, "commit", "--quiet", "-m", "begin");
  await git(team, "push", "--quiet", "origin", "HEAD");
  await git(folder, "clone", "--quiet", "origin", "volume");
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const options = { volume, listen: `127.0.0.1:${port}`, orchestrator: "none" };
  service = startCommand(["service", ...writeArguments(options)], join(folder, "service.log"));
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 20_000);
});
after(async () => {
  await service.stop(5000);
  await rm(folder, { recursive: true });
});

/** What the team does in its clone, pushed and then pulled on the volume. A text of null removes the file. */
async function commit(files: Readonly<Record<string, string | null>>): Promise<void> {
  const team = join(folder, "team");
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(team, name)), { recursive: true });
    if (text === null) await rm(join(team, name));
    else await writeFile(join(team, name), text);
  }
  await git(team, "add", "--all");
  await git(team, "commit", "--quiet", "-m", "change");
  await git(team, "push", "--quiet", "origin", "HEAD");
  await git(volume, "pull", "--quiet", "--ff-only");
}

/** Polls until `look` says yes. */
async function eventually(look: () => Promise<boolean>, withinMs = effectMsMax): Promise<void> {
  await waitFor("the effect of a change", withinMs, async () => await look() ? true : null);
}

interface Shown {
  readonly spec: { readonly version: string; readonly port: number };
  readonly status: { readonly state: string; readonly problems?: readonly { readonly message: string }[] };
}

async function cart(): Promise<Shown | null> {
  const answer = await fetch(`${url}/v1/clusters/c1/namespaces/shop/metrics/cart`);
  return answer.ok ? await answer.json() as Shown : null;
}

async function problems(): Promise<string[]> {
  const status = await (await fetch(`${url}/v1/status`)).json() as {
    problems: { path: string; line: number; column: number; message: string }[];
  };
  return status.problems.map((at) => `${at.path}:${at.line}:${at.column}: ${at.message}`);
}

function putCart(body: string): Promise<Response> {
  const init = { method: "PUT", body, headers: { "content-type": "application/yaml" } };
  return fetch(`${url}/v1/clusters/c1/namespaces/shop/metrics/cart`, init);
}

test(
  "a Git checkout as the volume: each pull takes effect, or is refused with its place, within a second",
  needs("git"),
  async () => {
    await commit({ [path]: metric });
    await eventually(async () => (await cart())?.spec.port === 9100);

    await commit({ [path]: metric.replace('"1"', '"2"').replace("9100", "9200") });
    await eventually(async () => (await cart())?.spec.port === 9200);

    // The version is forgotten: what was in force stays so.
    await commit({ [path]: metric.replace('"1"', '"2"').replace("9100", "9300") });
    await eventually(async () => (await problems()).length > 0);
    assert.deepEqual(await problems(), [`${path}:6:12: spec changed but version is still 2`]);
    const stale = await cart();
    assert.deepEqual([stale?.spec.port, stale?.status.state], [9200, "stale-version"]);

    await commit({ [path]: metric.replace("port: 9100", "port: [9100"), "c1/metric/shop/new.yaml": "kind: Metrik\n" });
    await eventually(async () => (await problems()).some((problem) => problem.includes("new.yaml")));
    await eventually(async () => (await cart())?.status.state === "invalid");
    assert.equal((await cart())?.spec.port, 9200);
    assert.match((await problems()).join("\n"), /^c1\/metric\/shop\/cart\.yaml:8:\d+: /m);

    await commit({ [path]: metric.replace('"1"', '"3"'), "c1/metric/shop/new.yaml": null });
    await eventually(async () => (await problems()).length === 0);
    assert.deepEqual([(await cart())?.spec.version, (await cart())?.status.state], ["3", "ok"]);

    await commit({ [path]: null });
    await eventually(async () => await cart() === null);
  },
);

test("a change by the API is a change of the lines that it concerns, which Git shows", needs("git"), async () => {
  await commit({ [path]: metric });
  await eventually(async () => await cart() !== null);
  const answer = await putCart("spec: { version: '2', port: 9200, uri: /metrics, timeout: 5 }");
  assert.equal(answer.status, 200);
  const diff = (await git(volume, "diff", "--unified=0")).split("\n").filter((line) => /^[+-] /.test(line));
  assert.deepEqual(diff, [
    '-  version: "1" # bump me',
    "-  port: 9100",
    '+  version: "2" # bump me',
    "+  port: 9200",
    "+  timeout: 5",
  ]);
  await git(volume, "checkout", "--quiet", ".");
  await eventually(async () => (await cart())?.spec.version === "1");

  const managed = metric.replace("name: cart }", 'name: cart, annotations: { "bcs-metric/managed-by": git } }');
  await commit({ [path]: managed });
  await eventually(async () => (await putCart(managed.replace('"1"', '"2"'))).status === 409);
  assert.equal(await git(volume, "status", "--porcelain"), "");
});

test("cleaning up the checkout removes nothing that is in force", needs("git"), async () => {
  await commit({ [path]: metric.replace('"1"', '"7"') });
  await eventually(async () => (await cart())?.spec.version === "7");
  const collection = join(volume, "c1/collection/shop/bcs-collector-shop-0.yaml");
  const generation = /^# .* generation (\d+)/.exec(await readFile(collection, "utf8"))?.[1];
  await git(volume, "clean", "--quiet", "-xfd");
  // With its claim to lead gone too, a service that began less than a lease (10 s) ago waits for the rest of it.
  await eventually(() => readFile(collection, "utf8").then(() => true, () => false), 15_000);
  const now = /^# .* generation (\d+)/.exec(await readFile(collection, "utf8"))?.[1];
  assert.ok(Number(now) > Number(generation), `generation ${now} follows ${generation}`);
  assert.equal((await cart())?.spec.version, "7");
});
