/** What is wrong is named and refused while the rest goes on: files, frames and targets, in a running system. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { getJson } from "../support/programs.ts";
import { readExported } from "../support/sink_files.ts";
import { applicationYaml, metricYaml, type SmallSystem, startSmallSystem } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

interface TargetRow {
  readonly metric: string;
  readonly address?: string;
  readonly health: string;
  readonly error: string;
}

const metricPath = "TEST/metric/shop/good.yaml";

suite("bad input", () => {
  const servers: Server[] = [];
  let system: SmallSystem;

  before(async () => {
    system = await startSmallSystem({});
    const good = await serve((_request, response) => {
      response.setHeader("content-type", "text/plain; version=0.0.4");
      response.end("temperature 20\n");
    });
    await system.writeDocument(metricPath, metricYaml("good"));
    await system.writeDocument("TEST/application/shop/good.yaml", applicationYaml("good", [good]));
    await waitFor("the good target", 30_000, () => goodIsUp());
  });

  after(async () => {
    await system.stop();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  test("a broken file is named with file:line:column, and its last good version stays in force", async () => {
    const cases = [
      ["invalid YAML", metricYaml("good").replace("port: web", "port: [web"), /good\.yaml:\d+:\d+: /],
      ["an unknown key", metricYaml("good").replace("port: web", "port: web\n  prot: 1"), /good\.yaml:8:3: .*"prot"/],
      ["a bad name", metricYaml("../good"), /good\.yaml:3:\d+: .*name/],
      ["a duplicate key", metricYaml("good").replace("port: web", "port: web\n  port: x"), /good\.yaml:8:3: .*"port"/],
      ["another path", metricYaml("other"), /good\.yaml:3:\d+: .*other.*good/],
    ] as const;
    for (const [what, text, message] of cases) {
      await system.writeDocument(metricPath, text);
      const { problems } = await waitFor(`a problem for ${what}`, 10_000, async () => {
        const status = await getJson(`${system.serviceUrl}/v1/status`) as { problems: readonly Place[] };
        const [first] = status.problems.map((problem) =>
          `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`
        );
        return first !== undefined && message.test(first) ? status : null;
      });
      assert.equal(problems.length, 1, what);
      assert.equal((await targets("good")).length, 1, what);
    }
    const log = await readFile(join(system.folder, "service.log"), "utf8");
    const logged = log.trim().split("\n").map((line) => (JSON.parse(line) as { problem?: string }).problem ?? "");
    for (const [what, , message] of cases) assert.ok(logged.some((problem) => message.test(problem)), what);
    await system.writeDocument(metricPath, metricYaml("good"));
    await waitFor("the file to be mended", 10_000, async () => {
      const status = await getJson(`${system.serviceUrl}/v1/status`) as { problems: readonly Place[] };
      return status.problems.length === 0 ? true : null;
    });
    await waitFor("a scrape after that", 10_000, () => goodIsUp());
  });

  test("a stream that is none of ours is closed with a logged reason, and others go on", async () => {
    const magic = Buffer.from("75062d90e03c798a", "hex");
    const oversized = Buffer.concat([magic, Buffer.from([0, 0, 0, 20, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(16)]);
    await closedAfter(Buffer.from("GET / HTTP/1.1\r\nHost: exporter\r\n\r\n"));
    await closedAfter(oversized);
    const log = await readFile(join(system.folder, "exporter.log"), "utf8");
    assert.match(log, /bad magic/);
    assert.match(log, /exceeds 16777216/);
    const exportedBefore = (await readExported(system.exported)).length;
    await waitFor(
      "samples after that",
      10_000,
      async () => (await readExported(system.exported)).length > exportedBefore || null,
    );
  });

  test("a target that is down, slow, endless or talks nonsense is down with the reason, others are not", async () => {
    const closed = await serve((_request, response) => response.end());
    servers.pop()?.close();
    const slow = await serve(() => {});
    const endless = await serve((_request, response) => {
      response.setHeader("content-type", "text/plain");
      const chunk = "# ".padEnd(65_536, "x") + "\n";
      const write = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", write);
      write();
    });
    const nonsense = await serve((_request, response) => {
      response.setHeader("content-type", "text/plain");
      response.end("fine 1\nnot so{fine 2\n");
    });
    await system.writeDocument("TEST/metric/shop/bad.yaml", metricYaml("bad", "  limits: { bodyBytes: 1000000 }\n"));
    await system.writeDocument(
      "TEST/application/shop/bad.yaml",
      applicationYaml("bad", [closed, slow, endless, nonsense]),
    );
    const wanted = [/refused/, /timeout after 1 s/, /body exceeds 1000000 bytes/, /2:\d+: /];
    await waitFor("four reasons", 20_000, async () => {
      const rows = await targets("bad");
      const errors = [closed, slow, endless, nonsense].map((port) =>
        rows.find((row) => row.address === `127.0.0.1:${port}` && row.health === "down")?.error ?? ""
      );
      return errors.every((error, index) => wanted[index]?.test(error)) || null;
    });
    assert.ok(await goodIsUp());
    const ups = await waitFor("their up samples", 10_000, async () => {
      const samples = await readExported(system.exported);
      const found = samples.filter((sample) => sample.name === "up" && sample.labels["metric"] === "bad");
      return new Set(found.map((sample) => sample.labels["instance"])).size === 4 ? found : null;
    });
    assert.ok(ups.every((sample) => sample.value === 0));
  });

  async function targets(metric: string): Promise<readonly TargetRow[]> {
    const answer = await getJson(`${system.serviceUrl}/v1/targets?metric=${metric}`);
    return (answer as { readonly targets: readonly TargetRow[] }).targets;
  }

  async function goodIsUp(): Promise<true | null> {
    return (await targets("good"))[0]?.health === "up" ? true : null;
  }

  async function serve(handler: RequestListener): Promise<number> {
    const server = createServer(handler);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  function closedAfter(bytes: Uint8Array): Promise<void> {
    const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(system.exporterAddress) ?? [];
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), host, () => socket.write(bytes));
      socket.on("error", reject);
      socket.on("close", () => resolve());
      socket.resume();
    });
  }
});

interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
