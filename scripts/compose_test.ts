/** deploy/docker/compose.yaml holds options that exist, and files that are there. */
import { load } from "js-yaml";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type CommandDefinition, type OptionDefinitions, readOptions } from "../core/options.ts";
import { exporterCommand } from "../exporter/options.ts";
import { dockerSetup } from "../service/docker_options.ts";
import { collectorLaunch } from "../service/launch_options.ts";
import { serviceCommand, supported } from "../service/options.ts";

const folder = fileURLToPath(new URL("../deploy/docker/", import.meta.url));
const settings: Readonly<Record<string, string>> = {
  ADMIN_TOKEN: "an-admin-token-of-length",
  SECRETS: "/srv/secrets",
  DOCKER_GID: "999",
};

const schema = z.object({
  services: z.record(
    z.string(),
    z.preprocess(
      merged,
      z.object({
        image: z.string(),
        command: z.array(z.string()),
        environment: z.record(z.string(), z.string()),
        volumes: z.array(z.string()),
        networks: z.array(z.string()),
        read_only: z.literal(true),
        cap_drop: z.tuple([z.literal("ALL")]),
      }),
    ),
  ),
  networks: z.record(z.string(), z.object({ name: z.string() })),
  volumes: z.record(z.string(), z.null()),
});

/** With its merge key, which YAML 1.2 does not have and compose reads. */
function merged(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("<<" in value)) return value;
  const { "<<": base, ...own } = value;
  return { ...z.record(z.string(), z.unknown()).parse(base), ...own };
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?reason}` as compose reads them. */
function interpolated(text: string): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string, rest: string) => {
    const value = settings[name] ?? (kind === "-" ? rest : undefined);
    assert.ok(value !== undefined, `env.example does not name ${name}`);
    return value;
  });
}

const compose = schema.parse(load(interpolated(readFileSync(`${folder}compose.yaml`, "utf8"))));

/** The options of a service's command, without their files being read. */
function optionsOf<Definitions extends OptionDefinitions>(name: string, command: CommandDefinition<Definitions>) {
  const [first, ...args] = compose.services[name]?.command ?? [];
  assert.equal(first, command.name);
  return readOptions(command, args.filter((arg) => !arg.startsWith("--config=")), {});
}

test("service and exporter take the options that they are given", async () => {
  const service = supported((await optionsOf("service", serviceCommand)).values);
  const launch = collectorLaunch(service);
  const { networks, secrets } = await dockerSetup(service, launch);
  assert.deepEqual(networks, Object.values(compose.networks).map(({ name }) => name));
  assert.deepEqual(launch.services, ["http://service:7070"]);
  assert.deepEqual([secrets, launch.token], [settings["SECRETS"], "file:/run/secrets/token"]);
  assert.equal(launch.image, compose.services["exporter"]?.image);
  const { values } = await optionsOf("exporter", exporterCommand);
  assert.deepEqual([values.volume, values.data], ["/volume", "/data"]);
});

test("every file that is mounted is there, and every path that is named is mounted", () => {
  for (const [name, { command, volumes }] of Object.entries(compose.services)) {
    const mounts = volumes.map((text) => text.split(":"));
    for (const [source = ""] of mounts) {
      if (source.endsWith(".yaml")) assert.ok(existsSync(folder + source), `${name} mounts ${source}`);
    }
    const paths = command.flatMap((arg) => /^--(?:volume|data|config|tokens)=(.+)$/.exec(arg)?.[1] ?? []);
    for (const path of paths) assert.ok(mounts.some(([, target]) => target === path), `${name} does not mount ${path}`);
  }
});

test("every setting that it needs is in env.example", () => {
  const text = readFileSync(`${folder}compose.yaml`, "utf8");
  const example = readFileSync(`${folder}env.example`, "utf8");
  const names = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name = ""]) => name));
  for (const name of names) assert.match(example, new RegExp(`^#?${name}=`, "m"));
});
