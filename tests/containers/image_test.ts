/** The image as users build it, run as narrowly as an engine can. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { needsEngine } from "../support/docker_engine.ts";
import { buildProgramImage, docker } from "../support/docker_images.ts";
import { waitFor } from "../support/wait.ts";

const name = `bcs-metric-image-${Buffer.from(systemEnv.random.bytes(4)).toString("hex")}`;
const narrow = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];

describe("the image", needsEngine(), () => {
  let image = "";

  before(async () => {
    image = await buildProgramImage();
    const args = ["exporter", "--data", "/data", "--listen", "127.0.0.1:7071", "--http", "127.0.0.1:7072"];
    await docker(
      "run",
      "--detach",
      "--name",
      name,
      "--health-interval",
      "500ms",
      ...narrow,
      "--volume",
      name + ":/data",
      image,
      ...args,
    );
  });

  after(async () => {
    await docker("rm", "--force", name);
    await docker("volume", "rm", name);
  });

  test("runs without root, capabilities or a root file system that it could write, and says that it is well", async () => {
    await waitFor("the health check", 30_000, async () => await health() === "healthy" || null)
      .catch(async (error: unknown) => assert.fail(`${String(error)}: ${await docker("inspect", name)}`));
    assert.equal(await docker("inspect", "--format", "{{.Config.User}}", image), "65532:65532\n");
  });

  test("ends in order when it is asked to, and leaves its data to the next one", { timeout: 60_000 }, async () => {
    await docker("stop", "--time", "20", name);
    assert.equal(await docker("inspect", "--format", "{{.State.ExitCode}}", name), "0\n");
    await docker("start", name);
    await waitFor("it is well again", 30_000, async () => await health() === "healthy" || null);
  });

  test("is that of a command that helps", async () => {
    assert.match(await docker("run", "--rm", ...narrow, image, "--help"), /Usage: bcs-metric COMMAND/);
  });

  test("holds nothing that only tests need", async () => {
    const list = ["run", "--rm", "--entrypoint", "ls", image, "/opt/bcs-metric", "/opt/bcs-metric/node_modules"];
    const listed = await docker(...list, "/opt/bcs-metric/service");
    assert.match(listed, /^undici$/m);
    assert.doesNotMatch(listed, /_test\.ts$|^(typescript|testcontainers|tests|docs|var|testing)$/m);
  });

  async function health(): Promise<string> {
    return (await docker("inspect", "--format", "{{.State.Health.Status}}", name)).trim();
  }
});
