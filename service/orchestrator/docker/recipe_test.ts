import assert from "node:assert/strict";
import { test } from "node:test";
import { plainWorkload, type Workload } from "../workload.ts";
import { splitImage } from "./containers.ts";
import { containerSchema, type FoundContainer } from "./engine_schema.ts";
import { labelNames } from "./labels.ts";
import { containerName, recipeOf, wishOf } from "./recipe.ts";
import { takeOver, theirNetworks } from "./take_over.ts";
import { testSettings } from "./testing/settings.ts";

const workload: Workload = { clusterId: "c1", namespace: "shop", name: "own", replicas: 2, ...plainWorkload };

/** What the engine would show of a container that was made by the body. */
function found(body: Readonly<Record<string, unknown>>, networks: readonly string[] = []): FoundContainer {
  const { HostConfig = {}, ...Config } = body;
  return containerSchema.parse({
    Id: "1",
    Name: "/one",
    Image: "sha256:1",
    State: { Status: "running", Pid: 1 },
    Config,
    HostConfig,
    NetworkSettings: { Networks: Object.fromEntries(networks.map((name) => [name, {}])) },
  });
}

test("a collector may do no more than it needs to", () => {
  const { body } = recipeOf({ ...workload, resources: { cpus: 0.5, memoryMiB: 128 } }, 1, testSettings);
  const { HostConfig, User, Cmd } = body as { HostConfig: Record<string, unknown>; User: string; Cmd: string[] };
  assert.equal(User, "65532:65532");
  assert.deepEqual([HostConfig["ReadonlyRootfs"], HostConfig["CapDrop"], HostConfig["SecurityOpt"]], [
    true,
    ["ALL"],
    ["no-new-privileges"],
  ]);
  assert.deepEqual([HostConfig["Memory"], HostConfig["NanoCpus"]], [128 * 1024 * 1024, 5e8]);
  assert.deepEqual(Cmd.slice(0, 7), ["collector", "--cluster", "c1", "--namespace", "shop", "--name", "own-1"]);
});

test("no two collectors have one name, whatever dots are in theirs", () => {
  const names = [["a", "b.c", "d"], ["a.b", "c", "d"], ["a", "b", "c.d"], ["a..b", "c", "d"]]
    .map(([clusterId = "", namespace = "", name = ""]) => containerName("own", { clusterId, namespace, name }, 0));
  assert.equal(new Set(names).size, names.length);
  assert.equal(names[0], "own.a.b..c.d-0");
});

test("the business network comes first, then the way to services and exporters", () => {
  const networksWith = (networkMode: string) =>
    recipeOf({ ...workload, network: { ...workload.network, networkMode } }, 0, {
      ...testSettings,
      networks: ["exit"],
    });
  assert.deepEqual(networksWith("shop_default").networks, ["shop_default", "exit"]);
  assert.deepEqual(networksWith("exit").networks, ["exit"]);
  assert.deepEqual(networksWith("").networks, ["exit"]);
  assert.deepEqual(networksWith("HOST").networks, ["host"]);
  const { HostConfig } = networksWith("shop_default").body as { HostConfig: { NetworkMode: string } };
  assert.equal(HostConfig.NetworkMode, "shop_default");
});

test("a template is laid over the body, and adds to environment and labels", () => {
  const template = {
    HostConfig: { Memory: 1, Dns: ["10.0.0.1"] },
    Env: ["A=template", "B=template"],
    Labels: { team: "shop", own: "template" },
  };
  const { body } = recipeOf({ ...workload, template, env: { B: "own" }, labels: { own: "wish" } }, 0, testSettings);
  const { HostConfig, Env, Labels } = body as {
    HostConfig: Record<string, unknown>;
    Env: string[];
    Labels: Record<string, string>;
  };
  assert.deepEqual([HostConfig["Memory"], HostConfig["Dns"], HostConfig["ReadonlyRootfs"]], [1, ["10.0.0.1"], true]);
  assert.deepEqual(Env, ["A=template", "B=own"]);
  assert.deepEqual([Labels["team"], Labels["own"]], ["shop", "wish"]);
});

test("each namespace's collectors see its own secrets only", () => {
  const { body } = recipeOf(workload, 0, { ...testSettings, secrets: "/etc/secrets/" });
  const { HostConfig } = body as { HostConfig: { Mounts: unknown[] } };
  const bind = { Type: "bind", Source: "/etc/secrets/c1/shop", Target: "/run/secrets", ReadOnly: true };
  assert.deepEqual(HostConfig.Mounts[1], bind);
});

test("a workload without an image is refused by its name", () => {
  const launch = { ...testSettings.launch, image: "" };
  assert.throws(() => recipeOf(workload, 0, { ...testSettings, launch }), {
    name: "OrchestratorError",
    kind: "invalid",
    message: /^Cannot run workload "c1\/shop\/own": nothing names an image/,
  });
});

test("the wish can be read from a container again, unless somebody changed it", () => {
  const { body } = recipeOf({ ...workload, env: { A: "1" } }, 0, testSettings);
  assert.deepEqual(wishOf(found(body)), { ...workload, env: { A: "1" }, replicas: 0 });
  const { Labels } = body as { Labels: Record<string, string> };
  const forged = { ...Labels, [labelNames.wish]: (Labels[labelNames.wish] ?? "").replace('"1"', '"2"') };
  assert.equal(wishOf(found({ ...body, Labels: forged })), null);
  assert.equal(wishOf(found({ Image: "x" })), null);
});

test("what somebody else gave a container stays, and what the image gave it does not", () => {
  const theirs = found({
    Image: "theirs",
    Env: ["PATH=/old", "THEIRS=1", "A=theirs"],
    Labels: { theirs: "1", image: "old", "bcs-metric.stale": "1" },
    HostConfig: { Binds: ["/a:/a"], Mounts: [{ Type: "bind", Source: "/b", Target: "/b" }], ExtraHosts: [], Dns: null },
  }, ["bridge", "their_network"]);
  const recipe = recipeOf({ ...workload, env: { A: "ours" } }, 0, testSettings);
  const body = takeOver(recipe, theirs, { env: ["PATH=/old"], labels: { image: "old" } }) as {
    Env: string[];
    Labels: Record<string, string>;
    HostConfig: { Binds: string[]; Mounts: { Target: string }[] };
  };
  assert.deepEqual(body.Env, ["A=ours", "THEIRS=1"]);
  assert.deepEqual(
    [body.Labels["theirs"], body.Labels["image"], body.Labels["bcs-metric.stale"]],
    ["1", undefined, undefined],
  );
  assert.deepEqual(body.HostConfig.Binds, ["/a:/a"]);
  assert.deepEqual(body.HostConfig.Mounts.map(({ Target }) => Target), ["/data", "/b"]);
  assert.deepEqual(theirNetworks(recipe, theirs), ["their_network"]);
});

test("the tag of an image is what follows its last colon, but for a registry's port", () => {
  assert.deepEqual(splitImage("a"), { name: "a", tag: "latest" });
  assert.deepEqual(splitImage("host:5000/a/b"), { name: "host:5000/a/b", tag: "latest" });
  assert.deepEqual(splitImage("host:5000/a/b:2"), { name: "host:5000/a/b", tag: "2" });
  assert.deepEqual(splitImage("a@sha256:00"), { name: "a", tag: "sha256:00" });
});
