/** The orchestrator over a real Docker Engine; containers that do nothing stand for the collectors. */
import { after, before, describe } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import type { Engine } from "../../service/orchestrator/docker/engine.ts";
import { labelNames } from "../../service/orchestrator/docker/labels.ts";
import { orchestratorConformance } from "../conformance/orchestrator_suite.ts";
import {
  dockerLaunch,
  engineSocket,
  needsEngine,
  openDocker,
  openEngine,
  removeLabelled,
} from "../support/docker_engine.ts";
import { buildIdleImage } from "../support/docker_images.ts";

const run = Buffer.from(systemEnv.random.bytes(4)).toString("hex");

// Each test has containers of its own, and mostly waits.
describe("a real Docker Engine", { ...needsEngine(), concurrency: 4 }, () => {
  let engine: Engine;
  let image = "";
  let opened = 0;
  const label = (owner: string) => `${labelNames.owner}=${owner}`;

  before(async () => {
    engine = openEngine();
    image = await buildIdleImage();
  });

  after(async () => {
    for (let index = 1; index <= opened; index++) await removeLabelled(engine, label(`conformance-${run}-${index}`));
    await engine.close();
  });

  orchestratorConformance("docker", async () => {
    const owner = `conformance-${run}-${++opened}`;
    const launch = dockerLaunch(image);
    const one = await openDocker(engine, engineSocket, {
      launch,
      owner,
      networks: [],
      secrets: null,
      user: "65532:65532",
    });
    return {
      ...one,
      async close() {
        await one.close();
        await removeLabelled(engine, label(owner));
      },
    };
  }, { withinMs: 30_000 });
});
