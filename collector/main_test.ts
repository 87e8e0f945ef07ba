import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { HelpShown, OptionError } from "../core/options.ts";
import { serveRaw } from "../core/scrape/testing/target_server.ts";
import { main, nameOf } from "./main.ts";
import { assign, Bench, eventually, identity } from "./testing/running_collector.ts";

const bench = new Bench();
afterEach(() => bench.clean());

const { cluster, namespace, name } = identity;

/** The options of a collector, with those of the test over them; null leaves one out. */
async function options(own: Readonly<Record<string, string | null>> = {}): Promise<string[]> {
  const values = {
    cluster,
    namespace,
    name,
    volume: await bench.folder(),
    data: await bench.folder(),
    http: "127.0.0.1:0",
    "frequency-min": "1",
    "log-level": "silent",
    ...own,
  };
  return Object.entries(values).flatMap(([option, value]) => value === null ? [] : [`--${option}`, value]);
}

/** Runs the command until it ends by itself, and returns its exit code and what it wrote to standard error. */
async function failing(args: readonly string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => void lines.push(line);
  try {
    return { code: await main(args), lines };
  } finally {
    console.error = error;
  }
}

test("a collector scrapes until SIGTERM, then hands over, withdraws and ends with 0", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  await assign(volume, 1, [{ address: await bench.target("a 1\n") }]);
  const ended = main(await options({ volume, exporter: exporter.address }));
  await exporter.sample((sample) => sample.name === "a");
  const record = join(volume, `.bcs-metric/registry/collector/${cluster}.${namespace}.${name}.json`);
  await eventually(() => readFile(record, "utf8").then(() => true, () => false), (found) => found);
  process.kill(process.pid, "SIGTERM");
  assert.equal(await ended, 0);
  await assert.rejects(readFile(record), { code: "ENOENT" });
});

test("a collector that claims its number has its own name, data and record, and gives the number back", async () => {
  const [volume, data, exporter] = [await bench.folder(), await bench.folder(), await bench.exporter()];
  await assign(volume, 1, [{ address: await bench.target("a 1\n") }]);
  const workload = name.slice(0, -"-0".length);
  const args = await options({ volume, data, name: workload, exporter: exporter.address });
  const ended = main([...args, "--claim-ordinal"]);
  await exporter.sample((sample) => sample.name === "a");
  const record = join(volume, `.bcs-metric/registry/collector/${cluster}.${namespace}.${name}.json`);
  await eventually(() => readFile(record, "utf8").then(() => true, () => false), (found) => found);
  assert.match(await readFile(join(data, name, "epoch"), "utf8"), /^\d+\n$/);
  process.kill(process.pid, "SIGTERM");
  assert.equal(await ended, 0);
  const seat = join(volume, `.bcs-metric/ordinals/${cluster}.${namespace}.${workload}/0-1.json`);
  assert.match(await readFile(seat, "utf8"), /"released": true/);
});

test("a collector whose number another has taken ends by itself, and says that it did not end well", async () => {
  const volume = await bench.folder();
  const workload = name.slice(0, -"-0".length);
  const ended = main([...await options({ volume, name: workload }), "--claim-ordinal"]);
  const folder = join(volume, `.bcs-metric/ordinals/${cluster}.${namespace}.${workload}`);
  // It is in the registry when the number is its own: taken before, it would wait for the number and claim it anew.
  const record = join(volume, `.bcs-metric/registry/collector/${cluster}.${namespace}.${name}.json`);
  await eventually(() => readFile(record, "utf8").then(() => true, () => false), (found) => found);
  const taken = { instance: "another", leaseMs: 15_000, renewals: 0, released: false };
  await writeFile(join(folder, "0-2.json"), JSON.stringify(taken));
  assert.equal(await ended, 1);
});

test("wrong options are named", async () => {
  const cases: [Record<string, string | null>, RegExp][] = [
    [{ cluster: null }, /Cannot do without --cluster/],
    [{ namespace: "a/b" }, /Cannot use --namespace "a\/b": the name must consist of letters/],
    [{ name: "-x" }, /--name/],
    [{ volume: null }, /Cannot do without --volume/],
    [{ data: null }, /Cannot do without --data/],
    [{ exporter: "somewhere" }, /Cannot use --exporter "somewhere": .*HOST:PORT/],
    [{ http: "127.0.0.1:99999" }, /--http/],
    [{ "frequency-min": "0" }, /--frequency-min/],
    [{ "config-source": "http" }, /^Cannot do without --service/],
    [{ "config-source": "http", service: "127.0.0.1:7070" }, /Cannot use --service .*is no URL/],
    [{ nonsense: "1" }, /unknown option '--nonsense'/],
  ];
  for (const [own, message] of cases) {
    await assert.rejects(
      main(await options(own)),
      (error) => error instanceof OptionError && message.test(error.message),
    );
  }
});

test("a port in use and a data folder that is none are one line each, with exit code 1", async () => {
  const taken = await serveRaw(() => {});
  bench.defer(() => taken.close());
  const busy = await failing(await options({ http: taken.address }));
  assert.equal(busy.code, 1);
  assert.deepEqual(busy.lines.length, 1);
  assert.match(busy.lines[0] ?? "", /^bcs-metric: Cannot listen on 127\.0\.0\.1:\d+: the port is in use/);

  const file = join(await bench.folder(), "file");
  await writeFile(file, "");
  const unusable = await failing(await options({ data: join(file, "data") }));
  assert.equal(unusable.code, 1);
  assert.equal(unusable.lines.length, 1);
  assert.match(unusable.lines[0] ?? "", /^bcs-metric: Cannot use ".*" as the data folder: it is a file/);

  const nowhere = await failing(await options({ volume: join(file, "volume") }));
  assert.equal(nowhere.code, 1);
  assert.equal(nowhere.lines.length, 1);
  assert.match(nowhere.lines[0] ?? "", /^bcs-metric: Cannot use ".*" as the volume/);
});

test("help is shown on request", async () => {
  const write = process.stdout.write.bind(process.stdout);
  let shown = "";
  process.stdout.write = (text: string | Uint8Array) => {
    shown += String(text);
    return true;
  };
  try {
    await assert.rejects(main(["--help"]), HelpShown);
  } finally {
    process.stdout.write = write;
  }
  assert.match(shown, /--config-source <file\|http>/);
  assert.match(shown, /default:\s+"127\.0\.0\.1:7073"/);
});

test("the ordinal may come from another name, such as that of a pod", () => {
  assert.equal(nameOf({ name: "Shop_A" }), "Shop_A");
  assert.equal(nameOf({ name: "Shop_A", ordinalOf: "shop-a-0123456789-12" }), "Shop_A-12");
});
