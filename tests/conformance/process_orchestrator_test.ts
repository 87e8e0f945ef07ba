import type { ChildEnd } from "../../core/runtime/child.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { type Instance, makeProcessOrchestrator } from "../../service/orchestrator/process/process_orchestrator.ts";
import { orchestratorConformance } from "./orchestrator_suite.ts";

/** Processes that only pretend: what real ones do is tested with the service. */
orchestratorConformance("process", () => {
  const processes = new Map<number, Instance>();
  let lastPid = 0;
  const orchestrator = makeProcessOrchestrator({
    clock: systemEnv.clock,
    log: makeLogger("test", "silent"),
    graceMs: 1000,
    start(instance) {
      const pid = ++lastPid;
      processes.set(pid, instance);
      const { promise: ended, resolve } = Promise.withResolvers<ChildEnd>();
      const stop = () => {
        processes.delete(pid);
        resolve({ code: 0, signal: null, reason: "" });
        return ended;
      };
      return { pid, ended, stop };
    },
  });
  return Promise.resolve({
    orchestrator,
    running: ({ name }) =>
      Promise.resolve(
        [...processes].filter(([, instance]) => instance.workload.name === name)
          .map(([pid, instance]) => ({
            name: instance.name,
            identity: String(pid),
            env: instance.workload.env,
            labels: null,
          })),
      ),
    outside: null,
    restart: null,
    setAway: null,
    close: () => orchestrator.close(),
  });
}, { lacks: ["outside", "restart", "away", "labels"] });
