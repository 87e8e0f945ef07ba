import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";
import { identityKey } from "../../collector/schedule/tick.ts";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import { isDeno } from "../../core/runtime/process.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { labelNames } from "../../service/orchestrator/docker/labels.ts";
import { openEngine, removeLabelled } from "./docker_engine.ts";
import { buildBase, buildProgramImage, docker } from "./docker_images.ts";
import { freePorts, startCommand } from "./programs.ts";

/** A target in a container that notes when it is scraped. */
export interface IsolatedTarget {
  readonly address: string;
  readonly key: string;
  /** Unix milliseconds of each scrape, as {@link IsolatedSystem.readTimes} has last read them. */
  times: number[];
}

export interface IsolatedSystemOptions {
  readonly containers: number;
  readonly targetsEach: number;
  readonly frequencySeconds: number;
}

const label = "bcs-metric.test";
const firstPort = 9100;
const graceMs = 20_000;
const token = "a-token-for-tests-only";
/** Serves so many ports from the first one on, and prints one line for each scrape. */
const businessScript = `
const http = process.getBuiltinModule("node:http");
for (let port = ${firstPort}; port < ${firstPort} + COUNT; port++) {
  http.createServer((request, response) => {
    console.log("scraped " + port + " " + Date.now());
    response.setHeader("content-type", "text/plain; version=0.0.4");
    response.end("business_secret_total 1\\n");
  }).listen(port, "0.0.0.0");
}
process.on("SIGTERM", () => process.exit(0));
console.log("serving");
`;

/**
 * Business containers on a network that this machine cannot reach, whose collectors the service makes there; service
 * and exporter are processes of this machine, which the collectors reach by another network's bridge.
 */
export class IsolatedSystem {
  readonly folder: string;
  readonly targets: IsolatedTarget[] = [];
  readonly businessNetwork: string;
  readonly exitNetwork: string;
  readonly #run: string;
  readonly #options: IsolatedSystemOptions;
  readonly #business: StartedTestContainer[] = [];
  readonly #processes = new Map<string, Child>();
  #image = "";
  #gateway = "";
  #port = 0;

  private constructor(folder: string, run: string, options: IsolatedSystemOptions) {
    this.folder = folder;
    this.#run = run;
    this.#options = options;
    this.businessNetwork = `bcs-metric-${run}-business`;
    this.exitNetwork = `bcs-metric-${run}-exit`;
  }

  static async start(options: IsolatedSystemOptions): Promise<IsolatedSystem> {
    // The reaper's image cannot be had; what is left over is removed by its label.
    process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
    const folder = await mkdtemp(join(tmpdir(), "bcs-metric-isolated-"));
    const run = Buffer.from(systemEnv.random.bytes(4)).toString("hex");
    const system = new IsolatedSystem(folder, run, options);
    try {
      await system.#start();
    } catch (error) {
      await system.end();
      throw error;
    }
    return system;
  }

  get serviceUrl(): string {
    return `http://${this.#gateway}:${this.#port}`;
  }

  get exported(): string {
    return join(this.folder, "exporter", "export");
  }

  get image(): string {
    return this.#image;
  }

  /** What the service answers to an administrator. */
  async getJson(path: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${token}-admin` };
    const answer = await fetch(this.serviceUrl + path, { headers, signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`Cannot get ${path}: HTTP ${answer.status} ${await answer.text()}`);
    return await answer.json();
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.folder, "volume", path)), { recursive: true });
    await writeFile(join(this.folder, "volume", path), text);
  }

  async setReplicas(replicas: number): Promise<void> {
    await this.write(
      "TEST/collector/shop/bcs-collector-shop.yaml",
      `apiVersion: bcs-metric/v1
kind: Collector
metadata: { clusterId: TEST, namespace: shop, name: bcs-collector-shop }
spec: { replicas: ${replicas}, network: { networkMode: ${this.businessNetwork} } }
`,
    );
  }

  /** What a program of a business container says that asks for a target. */
  async askInside(address: string): Promise<string> {
    const [first] = this.#business;
    if (first === undefined) throw new Error("Cannot ask: there are no business containers");
    return (await first.exec(["wget", "-q", "-O", "-", `http://${address}/metrics`])).output;
  }

  collectorName(ordinal: number): string {
    return `${this.#owner}.TEST.shop.bcs-collector-shop-${ordinal}`;
  }

  collectorPid(ordinal: number): Promise<number> {
    return docker("inspect", "--format", "{{.State.Pid}}", this.collectorName(ordinal)).then(Number);
  }

  async readTimes(): Promise<void> {
    for (const [index, container] of this.#business.entries()) {
      const log = await docker("logs", container.getId());
      for (
        const target of this.targets.slice(index * this.#options.targetsEach, (index + 1) * this.#options.targetsEach)
      ) {
        const port = target.address.split(":")[1] ?? "";
        target.times = [...log.matchAll(/^scraped (\d+) (\d+)$/gm)].filter(([, at]) => at === port)
          .map(([, , time]) => Number(time));
      }
    }
  }

  async kill(name: "service" | "exporter"): Promise<void> {
    const child = this.#processes.get(name);
    if (child === undefined) throw new Error(`Cannot kill "${name}": it does not run`);
    process.kill(child.pid, "SIGKILL");
    await child.ended;
  }

  startService(): void {
    const { folder } = this;
    this.#startProcess("service", {
      volume: join(folder, "volume"),
      listen: `${this.#gateway}:${this.#port}`,
      tokens: join(folder, "tokens.yaml"),
      orchestrator: "docker",
      dockerNetworks: this.exitNetwork,
      dockerOwner: this.#owner,
      dockerPull: "never",
      collectorImage: this.#image,
      collectorService: this.serviceUrl,
      dockerSecrets: join(folder, "secrets"),
      collectorToken: "file:/run/secrets/token",
      frequencyMin: 1,
      leaseSeconds: 3,
    });
  }

  startExporter(): void {
    const { folder } = this;
    this.#startProcess("exporter", {
      volume: join(folder, "volume"),
      data: join(folder, "exporter"),
      config: join(folder, "exporter.yaml"),
      name: "exporter-0",
      listen: `${this.#gateway}:${this.#port + 1}`,
      http: `127.0.0.1:${this.#port + 2}`,
      tokens: join(folder, "tokens.yaml"),
    });
  }

  async end(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((child) => child.stop(graceMs)));
    const engine = openEngine();
    await removeLabelled(engine, `${labelNames.owner}=${this.#owner}`);
    await removeLabelled(engine, `${label}=${this.#run}`);
    await engine.close();
    await rm(this.folder, { recursive: true });
  }

  get #owner(): string {
    return `test-${this.#run}`;
  }

  async #start(): Promise<void> {
    this.#image = await buildProgramImage();
    await this.#makeNetworks();
    this.#port = await freePorts(3);
    await this.write("placeholder", "");
    await this.#writeFiles();
    await Promise.all(Array.from({ length: this.#options.containers }, (_, index) => this.#startBusiness(index)));
    this.startExporter();
    this.startService();
  }

  async #makeNetworks(): Promise<void> {
    const { dockerode } = (await getContainerRuntimeClient()).container;
    const labels = { [label]: this.#run };
    // Without an address of the bridge this machine has no way into the network.
    const closed = { "com.docker.network.bridge.inhibit_ipv4": "true" };
    await dockerode.createNetwork({ Name: this.businessNetwork, Internal: true, Options: closed, Labels: labels });
    await dockerode.createNetwork({ Name: this.exitNetwork, Labels: labels });
    this.#gateway = (await docker(
      "network",
      "inspect",
      "--format",
      "{{(index .IPAM.Config 0).Gateway}}",
      this.exitNetwork,
    )).trim();
  }

  async #startBusiness(index: number): Promise<void> {
    const { targetsEach } = this.#options;
    const name = `bcs-metric-${this.#run}-business-${index}`;
    const script = businessScript.replace("COUNT", String(targetsEach));
    const started = await new GenericContainer(await buildBase())
      .withName(name).withLabels({ [label]: this.#run }).withNetworkMode(this.businessNetwork)
      .withCommand(isDeno ? ["deno", "eval", script] : ["node", "-e", script])
      .withWaitStrategy(Wait.forLogMessage("serving")).start();
    this.#business[index] = started;
    const ip = started.getIpAddress(this.businessNetwork);
    for (let offset = 0; offset < targetsEach; offset++) {
      const pod = `pod-${index}-${offset}`;
      const address = `${ip}:${firstPort + offset}`;
      const key = identityKey({ cluster: "TEST", namespace: "shop", metric: "count", address, pod });
      this.targets[index * targetsEach + offset] = { address, key, times: [] };
    }
  }

  /** The definitions of what is scraped. */
  async define(): Promise<void> {
    const instances = this.targets.map(({ address }, index) => {
      const [ip, port] = address.split(":");
      const { targetsEach } = this.#options;
      const name = `pod-${Math.floor(index / targetsEach)}-${index % targetsEach}`;
      return `    - { name: ${name}, ip: ${ip}, ports: [{ name: web, port: ${port} }] }\n`;
    });
    await this.write(
      "TEST/application/shop/count.yaml",
      `apiVersion: bcs-metric/v1
kind: Application
metadata: { clusterId: TEST, namespace: shop, name: count }
spec:
  labels: { app: count }
  instances:
${instances.join("")}`,
    );
    await this.write(
      "TEST/metric/shop/count.yaml",
      `apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: TEST, namespace: shop, name: count }
spec:
  version: "1"
  selector: { app: count }
  port: web
  uri: /metrics
  frequency: ${this.#options.frequencySeconds}
  timeout: 1
`,
    );
  }

  async #writeFiles(): Promise<void> {
    const tokens = join(this.folder, "tokens.yaml");
    await writeFile(
      tokens,
      `tokens:
  - { name: ops, token: "file:admin.token", role: admin }
  - { name: shop, token: "file:secrets/TEST/shop/token", role: collector, namespaces: [TEST/shop] }
`,
    );
    await writeFile(join(this.folder, "admin.token"), `${token}-admin`);
    const secrets = join(this.folder, "secrets/TEST/shop");
    await mkdir(secrets, { recursive: true });
    await writeFile(join(secrets, "token"), `${token}-collector`);
    await chmod(tokens, 0o600);
    await writeFile(join(this.folder, "exporter.yaml"), "sinks:\n  - {name: file, type: file, filesMax: 100}\n");
  }

  #startProcess(name: string, values: Parameters<typeof writeArguments>[0]): void {
    this.#processes.set(name, startCommand([name, ...writeArguments(values)], join(this.folder, `${name}.log`)));
  }
}

/** Whether this machine gets what only a target says. TCP alone proves nothing: a proxy may take any connection. */
export async function reachesTarget(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(1500) });
    return (await answer.text()).includes("business_secret_total");
  } catch {
    return false;
  }
}
