import type { DockerSettings } from "../recipe.ts";

/** How the collectors of tests are made. */
export const testSettings: DockerSettings = {
  launch: {
    image: "bcs-metric:1",
    services: ["http://service:7070"],
    token: "",
    data: "/data",
    http: "0.0.0.0:7073",
    frequencyMinSeconds: 60,
    logLevel: "info",
    env: {},
  },
  owner: "own",
  networks: [],
  secrets: null,
  user: "65532:65532",
};
