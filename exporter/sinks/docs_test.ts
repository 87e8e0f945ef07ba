import { load } from "js-yaml";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { readSinks, type SinkDeps } from "./mod.ts";
import { sinkTypes } from "./sink_types.ts";

const page = fileURLToPath(new URL("../../docs/sinks.md", import.meta.url));
const examples = fileURLToPath(new URL("../../docs/examples/exporter.yaml", import.meta.url));

/** The `sinks` of every configuration on the page, each with ports of our choosing. */
async function documented(): Promise<unknown[][]> {
  const text = (await readFile(page, "utf8")).replaceAll(":7074", ":0");
  const blocks = [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, yaml = ""]) => load(yaml));
  const configs: unknown[][] = [];
  for (const block of blocks) {
    if (typeof block !== "object" || block === null || !("sinks" in block) || !Array.isArray(block.sinks)) continue;
    configs.push(block.sinks);
  }
  return configs;
}

/** Whatever secret or certificate a configuration names is there. */
function anyFile(): (path: string) => Promise<Uint8Array> {
  const ca = makeCa();
  const own = ca.issue({ names: ["exporter"], client: true });
  return (path) => {
    const name = basename(path);
    const text = /key/.test(name)
      ? own.key
      : name.startsWith("ca")
      ? ca.cert
      : /pem|crt/.test(name)
      ? own.cert
      : "secret";
    return Promise.resolve(new TextEncoder().encode(text));
  };
}

test("every example of docs/sinks.md makes its sinks, and every kind of sink has one", async () => {
  const variables = new Proxy<Record<string, string>>({}, { get: () => "secret" });
  const fs = Object.assign(new MemoryFileSystem(), { readFile: anyFile() });
  const env = { ...systemEnv, fs };
  const deps: SinkDeps = { env, dataDir: "/data", log: makeLogger("test", "silent"), variables };
  const types = new Set<string>();
  for (const sinks of await documented()) {
    const made = await readSinks({ sinks }, examples, deps);
    for (const sink of made) {
      types.add(sink.type);
      await sink.close();
    }
  }
  assert.deepEqual([...types].toSorted(), Object.keys(sinkTypes).toSorted());
});
