import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { z } from "zod";
import { environmentName, flagName, HelpShown, OptionError, readOptions, writeArguments } from "./options.ts";

const definition = {
  name: "sample",
  summary: "A command for tests.",
  positional: "[FILE...]",
  options: {
    frequencyMin: { value: "SECONDS", help: "the least frequency", schema: z.coerce.number().int().min(1).default(60) },
    cluster: { value: "ID", help: "the cluster", schema: z.string() },
    strict: { help: "refuse more", schema: z.boolean().default(false) },
  },
  configKeys: ["sinks"],
} as const;

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-options-"));
});
after(() => rm(folder, { recursive: true }));

async function configFile(text: string): Promise<string> {
  const path = join(folder, "config.yaml");
  await writeFile(path, text);
  return path;
}

async function refused(argv: string[], env: Record<string, string>, message: RegExp) {
  await assert.rejects(readOptions(definition, argv, env), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, message);
    return true;
  });
}

test("a flag wins over the environment, that over the config file, and that over the default", async () => {
  const config = await configFile("frequencyMin: 3\ncluster: C");
  const read = async (argv: string[], env: Record<string, string>) =>
    (await readOptions(definition, argv, env)).values.frequencyMin;
  assert.equal(await read(["--cluster", "C"], {}), 60);
  assert.equal(await read(["--config", config], {}), 3);
  assert.equal(await read(["--config", config], { BCS_METRIC_FREQUENCY_MIN: "2" }), 2);
  assert.equal(await read(["--config", config, "--frequency-min", "1"], { BCS_METRIC_FREQUENCY_MIN: "2" }), 1);
});

test("the config file may be named by the environment, use a flag's spelling and hold other known keys", async () => {
  const config = await configFile("frequency-min: 4\ncluster: C\nsinks: [a]");
  const read = await readOptions(definition, [], { BCS_METRIC_CONFIG: config });
  assert.equal(read.values.frequencyMin, 4);
  assert.deepEqual(read.config["sinks"], ["a"]);
  assert.equal(read.configPath, config);
});

test("switches and positional arguments are read", async () => {
  const read = await readOptions(definition, ["--cluster", "C", "--strict", "a", "b"], {});
  assert.equal(read.values.strict, true);
  assert.deepEqual(read.positional, ["a", "b"]);
});

test("a wrong value is refused with the name of the place where it was set", async () => {
  await refused(["--cluster", "C", "--frequency-min", "x"], {}, /^Cannot use --frequency-min "x": .*number/);
  await refused(["--cluster", "C"], { BCS_METRIC_FREQUENCY_MIN: "0" }, /^Cannot use BCS_METRIC_FREQUENCY_MIN "0"/);
  const config = await configFile("cluster: C\nfrequencyMin: zero");
  await refused(["--config", config], {}, /config\.yaml: frequencyMin "zero"/);
});

test("a missing required option, an unknown option and an unknown key are refused", async () => {
  await refused([], {}, /^Cannot do without --cluster \(or BCS_METRIC_CLUSTER\): the cluster$/);
  await refused(["--cluster", "C", "--clutser", "D"], {}, /unknown option '--clutser'/);
  await refused(["--config", await configFile("cluster: C\nclutser: D")], {}, /unknown key "clutser"/);
  await refused(["--config", join(folder, "absent.yaml")], {}, /Cannot read config file .*absent\.yaml/);
});

test("written arguments are read back, and undefined ones left out", async () => {
  const argv = writeArguments({ frequencyMin: 7, cluster: "C", config: undefined });
  assert.deepEqual(argv, ["--frequency-min", "7", "--cluster", "C"]);
  assert.equal((await readOptions(definition, argv, {})).values.frequencyMin, 7);
});

test("names are spelled as flag and as environment variable", () => {
  assert.equal(flagName("frequencyMin"), "frequency-min");
  assert.equal(environmentName("frequencyMin"), "BCS_METRIC_FREQUENCY_MIN");
});

test("--help is told from a failure", async () => {
  const write = process.stdout.write.bind(process.stdout);
  let shown = "";
  process.stdout.write = (text: string | Uint8Array) => {
    shown += String(text);
    return true;
  };
  try {
    await assert.rejects(readOptions(definition, ["--help"], {}), HelpShown);
  } finally {
    process.stdout.write = write;
  }
  assert.match(shown, /--frequency-min <SECONDS>/);
  assert.match(shown, /BCS_METRIC_FREQUENCY_MIN/);
  assert.match(shown, /default: 60/);
});
