import assert from "node:assert/strict";
import { test } from "node:test";
import { readOptions } from "../core/options.ts";
import { collectorLaunch } from "./launch_options.ts";
import { serviceCommand } from "./options.ts";

async function launch(...argv: string[]) {
  const { values } = await readOptions(serviceCommand, ["--volume", "v", "--orchestrator", "docker", ...argv], {});
  return collectorLaunch(values);
}

test("collectors in containers are started as the options say", async () => {
  const { services, image, token, data, http, env } = await launch(
    "--collector-service=http://one:7070, http://two:7070",
    "--collector-image=registry/collector:1",
    "--collector-token=file:/run/token",
    "--collector-env=A=1,B=x=y",
    "--deny-targets=10.0.0.0/8",
    "--secrets=/here",
  );
  assert.deepEqual(services, ["http://one:7070", "http://two:7070"]);
  assert.deepEqual([image, token, data, http], ["registry/collector:1", "file:/run/token", "/data", "0.0.0.0:7073"]);
  const { A, B, BCS_METRIC_DENY_TARGETS, BCS_METRIC_SECRETS } = env;
  assert.deepEqual([A, B, BCS_METRIC_DENY_TARGETS, BCS_METRIC_SECRETS], ["1", "x=y", "10.0.0.0/8", undefined]);
});

test("what cannot be is refused", async () => {
  await assert.rejects(launch(), /Cannot use --orchestrator docker without --collector-service/);
  await assert.rejects(launch("--collector-service", "one:7070"), /"one:7070" is no URL such as http:\/\/HOST:PORT/);
  await assert.rejects(launch("--collector-env", "A"), /"A" is not of the form NAME=VALUE/);
  await assert.rejects(launch("--collector-token", "geheim"), /must be env:NAME or file:PATH/);
});
