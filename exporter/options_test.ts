import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nameProblem } from "../core/config/names.ts";
import { OptionError, readOptions } from "../core/options.ts";
import { retentionDefault } from "./delivery/retention.ts";
import { defaultName, exporterCommand } from "./options.ts";

test("only the data folder has to be given", async () => {
  const { values } = await readOptions(exporterCommand, ["--data", "d"], {});
  const { name, ...rest } = values;
  assert.equal(nameProblem(name), null);
  assert.match(name, /^exporter-/);
  assert.deepEqual(rest, {
    data: "d",
    listen: "127.0.0.1:7071",
    http: "127.0.0.1:7072",
    volume: undefined,
    store: undefined,
    cluster: "",
    ingestMemory: 64 * 1024 * 1024,
    baseMemory: 256 * 1024 * 1024,
    tlsCert: undefined,
    tlsKey: undefined,
    tlsClientCa: undefined,
    tokens: undefined,
    oldClients: false,
    allowInsecure: false,
    retentionBytes: retentionDefault.bytes,
    retentionAge: retentionDefault.ageMs / 1000,
    logLevel: "info",
  });
  await assert.rejects(readOptions(exporterCommand, [], {}), /Cannot do without --data/);
});

test("a wrong value is refused with the option's name", async () => {
  const check = (option: string, value: string) =>
    assert.rejects(readOptions(exporterCommand, ["--data", "d", option, value], {}), (error) => {
      return error instanceof OptionError && error.message.includes(option);
    });
  await check("--listen", "7071");
  await check("--http", "127.0.0.1:99999");
  await check("--name", "../exporter");
  await check("--cluster", "a/b");
  await check("--log-level", "loud");
  await check("--volume", "");
  await check("--tokens", "");
  await check("--ingest-memory", "1 MiB");
});

test("a switch is a flag without a value, and true or false elsewhere", async () => {
  const read = async (argv: string[], env: Record<string, string>) =>
    (await readOptions(exporterCommand, ["--data", "d", ...argv], env)).values.allowInsecure;
  assert.equal(await read(["--allow-insecure"], {}), true);
  assert.equal(await read([], { BCS_METRIC_ALLOW_INSECURE: "true" }), true);
  assert.equal(await read([], { BCS_METRIC_ALLOW_INSECURE: "false" }), false);
  await assert.rejects(read([], { BCS_METRIC_ALLOW_INSECURE: "perhaps" }), OptionError);
});

test("the configuration file may hold sinks", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-options-"));
  context.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "exporter.yaml");
  await writeFile(path, "name: exporter-9\nsinks:\n  - { name: file, type: file }\n");
  const { values, config, configPath } = await readOptions(exporterCommand, ["--data", "d", "--config", path], {});
  assert.deepEqual([values.name, config["sinks"], configPath], ["exporter-9", [{ name: "file", type: "file" }], path]);
});

test("a host name that is no safe name is not used", () => {
  assert.equal(defaultName("node-1.example", 7), "exporter-node-1.example");
  assert.equal(defaultName("my_host-", 7), "exporter-7");
  assert.equal(defaultName("", 7), "exporter-7");
});
