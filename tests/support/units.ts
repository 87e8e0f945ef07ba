import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const source = join(repository, "deploy/systemd");

/** A unit of systemd as far as a test needs it: each setting with its values, in order. */
export type Unit = ReadonlyMap<string, readonly string[]>;

/** Our units and their files of options as on a machine, only below a folder instead of `/`. */
export class InstalledUnits {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Copies everything below `root`; `/opt/bcs-metric` is this repository. */
  static async install(root: string): Promise<InstalledUnits> {
    const units = new InstalledUnits(root);
    await mkdir(units.path("/etc"), { recursive: true });
    await cp(join(source, "etc"), units.path("/etc/bcs-metric"), { recursive: true });
    for (const name of await readdir(units.path("/etc/bcs-metric"))) {
      const path = join(units.path("/etc/bcs-metric"), name);
      await writeFile(path, units.moved(await readFile(path, "utf8")));
    }
    return units;
  }

  path(absolute: string): string {
    return join(this.root, absolute);
  }

  /** The unit `name`, as for the instance `instance`. */
  async read(name: string, instance = ""): Promise<Unit> {
    const text = await readFile(join(source, name), "utf8");
    return parseUnit(this.moved(text.replaceAll("%i", instance)));
  }

  /** Arguments of `bcs-metric` in a unit's command line. */
  argumentsOf(unit: Unit): string[] {
    const [line = ""] = unit.get("ExecStart") ?? [];
    const [env, runtime, program, ...args] = line.split(" ");
    const start = [env, runtime, program].join(" ");
    if (start !== `/usr/bin/env node ${repository}cli/main.ts`) {
      throw new Error(`Cannot start "${line}": not our program`);
    }
    return args;
  }

  /** What the unit's environment file adds; nothing when there is none, which has to be allowed. */
  async environmentOf(unit: Unit): Promise<Record<string, string>> {
    const [path = ""] = unit.get("EnvironmentFile") ?? [];
    if (!path.startsWith("-")) throw new Error(`Cannot do without "${path}"`);
    const text = await readFile(path.slice(1), "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => /^\w+=/.test(line));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }

  /** Makes the unit's folders, as systemd does before it starts it. */
  async makeState(unit: Unit): Promise<void> {
    for (const folder of (unit.get("StateDirectory") ?? []).flatMap((value) => value.split(" "))) {
      await mkdir(this.path(join("/var/lib", folder)), { recursive: true });
    }
  }

  private moved(text: string): string {
    return text.replaceAll("/opt/bcs-metric/", repository)
      .replaceAll(/(?<=[\s:=-])\/(?=(?:etc|var\/lib)\/bcs-metric)/g, `${this.root}/`);
  }
}

function parseUnit(text: string): Unit {
  const unit = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [, name, value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) unit.set(name, [...unit.get(name) ?? [], value]);
  }
  return unit;
}
