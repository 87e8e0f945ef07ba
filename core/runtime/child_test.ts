import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startChild } from "./child.ts";
import { leanNodeOptions } from "./lean.ts";
import { isDeno } from "./process.ts";

const processModule = fileURLToPath(new URL("./process.ts", import.meta.url));
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-child-"));
});
after(() => rm(folder, { recursive: true }));

async function script(name: string, body: string): Promise<string> {
  const path = join(folder, `${name}.ts`);
  await writeFile(path, `import { aborted, runUntilSignal } from ${JSON.stringify(processModule)};\n${body}`);
  return path;
}

async function logged(path: string, text: string) {
  while (!(await readFile(path, "utf8").catch(() => "")).includes(text)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const waits = `process.exit(await runUntilSignal(async (stop) => {
  console.log("up");
  await aborted(stop);
  console.log("down");
}));`;

test("a child logs to its file and ends cleanly when asked to", async () => {
  const log = join(folder, "logs", "clean.log");
  const child = startChild(await script("clean", waits), [], log);
  await logged(log, "up");
  assert.deepEqual(await child.stop(10_000), { code: 0, signal: null, reason: "" });
  assert.match(await readFile(log, "utf8"), /up\ndown/);
});

test("a child is started so that it takes little memory, and its environment overrules that", async () => {
  const told = await script(
    "told",
    `const { MALLOC_ARENA_MAX, NODE_COMPILE_CACHE } = process.env;
console.log(JSON.stringify([MALLOC_ARENA_MAX, NODE_COMPILE_CACHE, "Deno" in globalThis ? [] : process.execArgv]));`,
  );
  const run = async (name: string, env: Readonly<Record<string, string | undefined>>) => {
    const log = join(folder, `${name}.log`);
    const end = await startChild(told, [], log, env).ended;
    assert.equal(end.code, 0);
    return JSON.parse(await readFile(log, "utf8")) as [string, string, string[]];
  };
  const { NODE_OPTIONS: _, MALLOC_ARENA_MAX: __, NODE_COMPILE_CACHE: ___, ...rest } = process.env;
  const [arenas, cache, options] = await run("lean", rest);
  assert.equal(arenas, "2");
  assert.match(cache, /node_modules/);
  if (!isDeno) assert.deepEqual(leanNodeOptions.filter((option) => options.includes(option)), leanNodeOptions);
  const own = await run("own", { ...rest, MALLOC_ARENA_MAX: "7", NODE_COMPILE_CACHE: join(folder, "compiled") });
  assert.deepEqual(own.slice(0, 2), ["7", join(folder, "compiled")]);
});

test("a child that does not listen is killed after its grace", async () => {
  const log = join(folder, "stubborn.log");
  const child = startChild(
    await script("stubborn", `process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000);`),
    [],
    log,
  );
  await logged(log, "up");
  assert.equal((await child.stop(50)).signal, "SIGKILL");
});

test("a child ends by itself when its parent is killed", async () => {
  const childScript = await script("orphan", waits);
  const log = join(folder, "orphan.log");
  const childModule = fileURLToPath(new URL("./child.ts", import.meta.url));
  const parent = startChild(
    await script(
      "parent",
      `import { startChild } from ${JSON.stringify(childModule)};
       startChild(${JSON.stringify(childScript)}, [], ${JSON.stringify(log)});
       setInterval(() => {}, 1000);`,
    ),
    [],
    join(folder, "parent.log"),
  );
  await logged(log, "up");
  process.kill(parent.pid, "SIGKILL");
  assert.equal((await parent.ended).signal, "SIGKILL");
  await logged(log, "down");
});

test("a user's error is one line and exit code 1", async () => {
  const log = join(folder, "error.log");
  const errors = JSON.stringify(fileURLToPath(new URL("../errors.ts", import.meta.url)));
  const body = `import { UserError } from ${errors};
    process.exit(await runUntilSignal(() => Promise.reject(new UserError("Cannot do it: choose another"))));`;
  const child = startChild(await script("error", body), [], log);
  assert.equal((await child.ended).code, 1);
  assert.equal(await readFile(log, "utf8"), "bcs-metric: Cannot do it: choose another\n");
});
