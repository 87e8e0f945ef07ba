/** Over an engine that only pretends; tests/containers/ has the same over a real one. */
import { FakeEngine } from "../../service/orchestrator/docker/testing/fake_engine.ts";
import { dockerLaunch, openDocker, openEngine } from "../support/docker_engine.ts";
import { orchestratorConformance } from "./orchestrator_suite.ts";

orchestratorConformance("docker, pretended", async () => {
  const fake = await FakeEngine.start();
  const engine = openEngine(fake.url);
  const launch = dockerLaunch("bcs-metric:1");
  fake.images.add(launch.image);
  const opened = await openDocker(engine, fake.port, {
    launch,
    owner: "own",
    networks: [],
    secrets: null,
    user: "1:1",
  });
  return {
    ...opened,
    async close() {
      await opened.close();
      await engine.close();
      await fake.close();
    },
  };
});
