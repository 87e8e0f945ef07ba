import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, type Program, startProgram } from "./programs.ts";

/** A Prometheus that scrapes nothing and takes remote write. (Debian's build has no receiver of OTLP.) */
export async function startPrometheusReceiver(
  command: "prometheus" | "prometheus-sid",
  folder: string,
): Promise<Program> {
  const config = join(folder, `${command}.yml`);
  await writeFile(config, "global: {}\n");
  const port = await freePort();
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, command)}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--web.enable-remote-write-receiver",
  ];

  return await startProgram(command, args, port, "/-/ready");
}

/** A VictoriaMetrics that shows samples as soon as it is told to: by {@link flushVictoriaMetrics}. */
export async function startVictoriaMetrics(folder: string): Promise<Program> {
  const port = await freePort();
  const args = [
    `-storageDataPath=${join(folder, "victoria-metrics")}`,
    `-httpListenAddr=127.0.0.1:${port}`,
    "-search.latencyOffset=0s",
    "-search.maxStalenessInterval=5m",
    "-opentelemetry.usePrometheusNaming",
    "-loggerLevel=WARN",
  ];
  return await startProgram("victoria-metrics-sid", args, port, "/health");
}

export async function flushVictoriaMetrics({ url }: Program): Promise<void> {
  const answer = await fetch(`${url}/internal/force_flush`);
  await answer.body?.cancel();
}
