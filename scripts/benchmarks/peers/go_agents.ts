import { existsSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { freePort } from "../../../tests/support/programs.ts";
import { waitFor } from "../../../tests/support/wait.ts";
import { readUsage } from "../process_usage.ts";
import { type Agent, type AgentOptions, metricName, type RunningAgent, targetLabels } from "./agent.ts";
import { pathOf, startPinned, versionLine } from "./pinned.ts";

const startMs = 60_000;

/** Debian's unstable vmagent; without it this machine's. */
function vmagentProgram(): string | null {
  return pathOf("vmagent-sid") ?? pathOf("vmagent");
}

function prometheusProgram(): string | null {
  return pathOf("prometheus-sid") ?? pathOf("prometheus");
}

/** vmagent as it talks to its own kind (zstd), and as to any other destination (remote write 1.0, snappy). */
export const vmagents: readonly Agent[] = [
  vmagent("vmagent", []),
  vmagent("vmagent-snappy", [
    "-remoteWrite.forcePromProto",
  ]),
];

/** Prometheus in agent mode. */
export const prometheuses: readonly Agent[] = [
  prometheus("prometheus", "prometheus.WriteRequest"),
  prometheus("prometheus-2.0", "io.prometheus.write.v2.Request"),
];

function vmagent(name: string, extra: readonly string[]): Agent {
  return {
    name,
    version() {
      const program = vmagentProgram();
      return program === null ? null : `vmagent ${packageVersion(program, "victoria-metrics")}`;
    },
    async start(options) {
      const config = await writeScrapeConfig(options, "");
      const port = await freePort();
      return await startAgent(options, vmagentProgram() ?? "vmagent", port, "/health", [
        `-promscrape.config=${config}`,
        `-remoteWrite.url=${options.sinkUrl}`,
        `-remoteWrite.tmpDataPath=${join(options.folder, "queue")}`,
        `-httpListenAddr=127.0.0.1:${port}`,
        ...extra,
      ]);
    },
  };
}

function prometheus(name: string, message: string): Agent {
  return {
    name,
    version() {
      const program = prometheusProgram();
      return program === null ? null : `Prometheus ${prometheusVersion(program)} in agent mode`;
    },
    async start(options) {
      const program = prometheusProgram() ?? "prometheus";
      const isOld = prometheusVersion(program).startsWith("2.");
      const protocol = isOld ? "" : `    protobuf_message: ${message}\n`;
      const config = await writeScrapeConfig(options, `remote_write:\n  - url: "${options.sinkUrl}"\n${protocol}`);
      const port = await freePort();
      return await startAgent(options, program, port, "/-/ready", [
        isOld ? "--enable-feature=agent" : "--agent",
        `--config.file=${config}`,
        `--storage.agent.path=${join(options.folder, "wal")}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]);
    },
  };
}

function prometheusVersion(program: string): string {
  return versionLine(program, ["--version"], /version ([\w.]+)/);
}

/** What Debian says: its vmagent has no version built in. */
function packageVersion(program: string, name: string): string {
  const usr = dirname(dirname(realpathSync(program)));
  const path = join(usr, "share", "doc", name, "changelog.Debian.gz");
  if (!existsSync(path)) return "unknown version";
  return /\(([^)]+)\)/.exec(gunzipSync(readFileSync(path)).toString("utf8"))?.[1] ?? "unknown version";
}

async function writeScrapeConfig({ of, targetPorts, folder }: AgentOptions, rest: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "scrape.yaml");
  const targets = targetPorts.map((port, index) =>
    `      - { targets: ["127.0.0.1:${port}"], labels: ${JSON.stringify(targetLabels(index))} }\n`
  ).join("");
  await writeFile(
    path,
    `global: { scrape_interval: ${of.frequencySeconds}s, scrape_timeout: ${of.frequencySeconds}s }
scrape_configs:
  - job_name: ${metricName}
    static_configs:
${targets}${rest}`,
  );
  return path;
}

async function startAgent(
  { cpus, folder }: AgentOptions,
  program: string,
  port: number,
  ready: string,
  args: readonly string[],
): Promise<RunningAgent> {
  const agent = startPinned(cpus, program, args, join(folder, "agent.log"));
  try {
    await waitFor(program, startMs, async () => (await fetch(`http://127.0.0.1:${port}${ready}`)).ok || null);
  } catch (error) {
    await agent.stop();
    throw error;
  }
  return {
    usage: () => ({ agent: readUsage(agent.pid) }),
    innerBytes: () => Promise.resolve(null),
    takenSamples: () => Promise.resolve(null),
    stop: () => agent.stop(),
  };
}
