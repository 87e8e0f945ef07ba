import type { CollectorLaunch } from "../../orchestrator/collector_arguments.ts";

/** How the collectors of the tests would be started. */
export const collectorLaunch: CollectorLaunch = {
  image: "example.test/bcs-metric:1",
  services: ["http://service:7070"],
  token: "",
  data: "/data",
  http: "0.0.0.0:7073",
  frequencyMinSeconds: 60,
  logLevel: "info",
  env: {},
};
