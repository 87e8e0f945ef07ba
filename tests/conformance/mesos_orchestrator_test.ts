/** Over servers that only pretend, written from the documented APIs: neither BCS nor Marathon can be had. */
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { collectorLaunch } from "../../service/kubernetes/testing/launch.ts";
import { BcsServer } from "../../service/mesos/testing/bcs_server.ts";
import { MarathonServer } from "../../service/mesos/testing/marathon_server.ts";
import { makeMesosOrchestrator, type MesosManaged } from "../../service/orchestrator/mesos/mesos_orchestrator.ts";
import { BcsHand, mockClient } from "../support/bcs_api/bcs_hand.ts";
import { MarathonHand } from "../support/bcs_api/marathon_hand.ts";
import { orchestratorConformance } from "./orchestrator_suite.ts";

const clusterId = "BCS-MESOS-10001";
const key = { clusterId, namespace: "shop", name: "bcs-collector-shop" };

function make(cluster: MesosManaged) {
  const { clock, random } = systemEnv;
  return makeMesosOrchestrator({
    clusters: [cluster],
    launch: collectorLaunch,
    allowUnsafe: false,
    clock,
    random,
    log: makeLogger("test", "silent"),
    pollMs: 100,
    lockWaitMs: 200,
  });
}

orchestratorConformance("mesos by BCS", async () => {
  const server = await BcsServer.start();
  const scheduler = mockClient(`${server.host.url}/bcsapi/v4/scheduler/mesos`);
  const storage = mockClient(`${server.host.url}/bcsapi/v4/storage`);
  const hand = new BcsHand(server, scheduler);
  const open = () => make({ flavor: "bcs", clusterId, scheduler, storage, namespaces: [] });
  let orchestrator = open();
  return {
    orchestrator,
    running: (one) => hand.running(one),
    outside: hand,
    async restart() {
      await orchestrator.close();
      return orchestrator = open();
    },
    setAway: (away) => away ? server.host.goAway() : server.host.listen(),
    async close() {
      await orchestrator.close();
      await scheduler.close();
      await storage.close();
      await server.close();
    },
  };
}, { key, workload: { clusterType: "mesos" } });

orchestratorConformance("mesos by Marathon", async () => {
  const server = await MarathonServer.start();
  const marathon = mockClient(server.host.url);
  const hand = new MarathonHand(server, marathon);
  const open = () => make({ flavor: "marathon", clusterId, marathon, namespaces: [] });
  let orchestrator = open();
  return {
    orchestrator,
    running: (one) => hand.running(one),
    outside: hand,
    async restart() {
      await orchestrator.close();
      return orchestrator = open();
    },
    setAway: (away) => away ? server.host.goAway() : server.host.listen(),
    async close() {
      await orchestrator.close();
      await marathon.close();
      await server.close();
    },
  };
}, { key, lacks: ["outside-scale"], workload: { clusterType: "mesos" } });
