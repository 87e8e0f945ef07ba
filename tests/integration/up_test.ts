/** `bcs-metric up` as a new user runs it: on empty folders, for some seconds, then ended by itself. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { freePorts, startCommand } from "../support/programs.ts";
import { readExported } from "../support/sink_files.ts";
import { waitFor } from "../support/wait.ts";

suite("up", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-up-"));
  });
  after(() => rm(folder, { recursive: true }));

  function up(port: number, seconds: number, name: string) {
    const log = join(folder, `${name}.log`);
    const folders = ["--volume", join(folder, name, "volume"), "--data", join(folder, name, "data")];
    return { log, child: startCommand(["up", ...folders, "--port", String(port), "--for", String(seconds)], log) };
  }

  test("shows its own samples within 20 seconds, then a summary, and exits with 0", { timeout: 60_000 }, async () => {
    const { child, log } = up(await freePorts(3), 22, "demo");
    const exported = join(folder, "demo", "data", "exporter", "export");
    const components = await waitFor("samples of all four processes", 20_000, async () => {
      const samples = await readExported(exported);
      const pods = new Set(samples.filter((sample) => sample.name === "up").map((sample) => sample.labels["pod"]));
      return pods.size === 4 ? pods : null;
    });
    assert.ok([...components].some((pod) => pod?.includes("bcs-collector-bcs-system-1")));
    assert.equal((await child.ended).code, 0);
    const output = await readFile(log, "utf8");
    assert.match(output, /targets 4 up 0 down \| [\d.]+ samples\/s \| \d+ unacknowledged \| file \d+ delivered/);
    const [, received] = /received +(\d+) samples/.exec(output) ?? [];
    const [, delivered] = /file +(\d+) samples delivered, 0 rejected, 0 records declared lost/.exec(output) ?? [];
    assert.ok(Number(received) > 0);
    assert.equal(delivered, received);
    assert.equal((await readExported(exported)).length, Number(delivered));
  });

  test("a port in use is one line that says so, and exit code 1", { timeout: 60_000 }, async () => {
    const port = await freePorts(3);
    const first = up(port, 60, "first");
    await waitFor(
      "the first system",
      20_000,
      async () => /service +http/.test(await readFile(first.log, "utf8")) || null,
    );
    const second = up(port, 60, "second");
    assert.equal((await second.child.ended).code, 1);
    assert.match(
      await readFile(second.log, "utf8"),
      /^bcs-metric: .*Cannot listen on 127\.0\.0\.1:\d+: the port is in use/m,
    );
    assert.equal((await first.child.stop(20_000)).code, 0);
  });
});
