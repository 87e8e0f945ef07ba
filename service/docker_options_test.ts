import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readOptions } from "../core/options.ts";
import { makeCa } from "../core/runtime/testing/certificates.ts";
import { dockerSetup } from "./docker_options.ts";
import { collectorLaunch, launchDigest } from "./launch_options.ts";
import { serviceCommand } from "./options.ts";
import { Engine } from "./orchestrator/docker/engine.ts";
import { connectEngine } from "./orchestrator/docker/engine_host.ts";
import { containerListSchema } from "./orchestrator/docker/engine_schema.ts";
import { FakeEngine } from "./orchestrator/docker/testing/fake_engine.ts";

async function setup(...argv: string[]) {
  const given = ["--volume", "v", "--orchestrator", "docker", "--collector-service", "http://service:7070", ...argv];
  const { values } = await readOptions(serviceCommand, given, {});
  return await dockerSetup(values, collectorLaunch(values));
}

test("an engine on this machine needs no option", async () => {
  const { host, owner, networks, secrets, user, pull } = await setup();
  assert.deepEqual(host, { url: "unix:///var/run/docker.sock", tls: null });
  assert.deepEqual([owner, networks, secrets, user, pull], ["bcs-metric", [], null, "65532:65532", "missing"]);
});

test("what cannot be meant is refused with its option", async () => {
  await assert.rejects(setup("--docker-host", "http://x"), /Cannot use --docker-host "http:\/\/x": must be unix:/);
  await assert.rejects(setup("--docker-ca", "ca.pem"), /Cannot use TLS with --docker-host unix:/);
  await assert.rejects(setup("--docker-cert", "cert.pem"), /--docker-cert and --docker-key without the other/);
  await assert.rejects(setup("--docker-user", "root"), /must be numbers such as 65532:65532/);
  await assert.rejects(
    setup("--docker-host", "tcp://127.0.0.1:1", "--docker-ca", "/nowhere/ca.pem"),
    { name: "UserError", message: /^Cannot use "\/nowhere\/ca.pem" for the Docker Engine: ENOENT|os error 2/ },
  );
});

test("collectors that are joined to other networks are started in another way", async () => {
  const digestOf = async (...argv: string[]) => {
    const given = ["--volume", "v", "--orchestrator", "docker", "--collector-service", "http://service:7070", ...argv];
    return launchDigest((await readOptions(serviceCommand, given, {})).values);
  };
  assert.equal(await digestOf(), await digestOf("--docker-pull", "never"));
  assert.notEqual(await digestOf(), await digestOf("--docker-networks", "exit"));
  assert.notEqual(await digestOf(), await digestOf("--docker-secrets", "/secrets"));
});

test("an engine by TLS shows its certificate and is shown ours", async () => {
  const ca = makeCa();
  const server = ca.issue({ ips: ["127.0.0.1"] });
  const client = ca.issue({ client: true });
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-docker-"));
  const fake = await FakeEngine.start({ ...server, clientCa: ca.cert });
  try {
    const files = { ca: ca.cert, cert: client.cert, key: client.key };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const paths = Object.keys(files).flatMap((name) => [`--docker-${name}`, join(folder, name)]);
    const list = async (argv: readonly string[]) => {
      const engine = new Engine(connectEngine((await setup("--docker-host", fake.url, ...argv)).host));
      try {
        return await engine.get({ path: "/containers/json" }, containerListSchema);
      } finally {
        await engine.close();
      }
    };
    assert.deepEqual(await list(paths), []);
    await assert.rejects(list(paths.slice(0, 2)), { name: "OrchestratorError", kind: "unavailable" });
    await assert.rejects(list(paths.slice(2)), { name: "OrchestratorError", kind: "unavailable" });
  } finally {
    await fake.close();
    await rm(folder, { recursive: true });
  }
});
