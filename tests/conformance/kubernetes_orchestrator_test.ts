import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { fixedToken } from "../../service/clusters/access.ts";
import { KubeClient } from "../../service/kubernetes/client.ts";
import { KubeApiServer } from "../../service/kubernetes/testing/api_server.ts";
import { collectorLaunch } from "../../service/kubernetes/testing/launch.ts";
import { makeKubernetesOrchestrator } from "../../service/orchestrator/kubernetes/kubernetes_orchestrator.ts";
import { KubeHand } from "../support/kube_api/hand.ts";
import { orchestratorConformance } from "./orchestrator_suite.ts";

orchestratorConformance("kubernetes", async () => {
  const server = await KubeApiServer.start("/tunnels/clusters/bcs-api");
  const { clock, random } = systemEnv;
  const access = { server: server.url, insecureSkipVerify: false, token: fixedToken("secret") };
  const client = new KubeClient({ access, clock, timeoutMs: 2000 });
  const hand = new KubeHand(client);
  const make = () =>
    makeKubernetesOrchestrator({
      clusters: [{ clusterId: "BCS-K8S-00001", client, namespaces: [] }],
      launch: collectorLaunch,
      allowUnsafe: false,
      clock,
      random,
      log: makeLogger("test", "silent"),
    });
  let orchestrator = make();
  return {
    orchestrator,
    running: (key) => hand.running(key),
    outside: hand,
    async restart() {
      await orchestrator.close();
      return orchestrator = make();
    },
    setAway: (away) => away ? server.goAway() : server.listen(),
    async close() {
      await orchestrator.close();
      await client.close();
      await server.close();
    },
  };
});
