import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isDeno } from "../../core/runtime/process.ts";

/**
 * Images for container tests on a machine that reaches no image registry: bases made from nothing but this machine's
 * own programs, and on them the project's own Dockerfile, just as users build it.
 */

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const busyboxPath = "/bin/busybox";
/** What testcontainers, the Dockerfile and our checks call. */
const applets = ["sh", "env", "cat", "cp", "mkdir", "ls", "sleep", "nc", "wget"];

/** Name of the image with `bcs-metric` on the runtime that runs the test. */
export async function buildProgramImage(): Promise<string> {
  const [base, packager] = await Promise.all([buildBase(), buildPackager()]);
  const runtime = isDeno ? "deno" : "node";
  const name = `bcs-metric-test/${runtime}`;
  await docker(
    "build",
    "--target",
    runtime,
    "--build-arg",
    `BASE=${base}`,
    "--build-arg",
    `PACKAGER=${packager}`,
    "--label",
    // By it scripts/test finds images of earlier runs that lost their name. Not to be removed here: what another test is
    // building at the same time has no name yet.
    "bcs-metric.test=program",
    "--tag",
    name,
    root,
  );
  return name;
}

/** The runtime, its libraries, and busybox. */
export function buildBase(): Promise<string> {
  return buildOnce("base", [process.execPath, busyboxPath], async (folder) => {
    await addBusybox(folder);
    const program = `/usr/local/bin/${isDeno ? "deno" : "node"}`;
    await addFile(folder, process.execPath, program);
    // Of the copy: Deno adds options of its own to a command line that names its executable.
    const { stdout } = await run("ldd", [join(folder, program), ...await nativeModules()]);
    const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path ?? "");
    await Promise.all([...new Set(libraries)].map((path) => addFile(folder, path, path)));
  });
}

/** A container that does nothing until it is asked to end, whatever its arguments are. */
export function buildIdleImage(): Promise<string> {
  const wait = "trap 'exit 0' TERM; sleep 3600 & wait";
  return buildOnce("idle", [busyboxPath], addBusybox, `ENTRYPOINT ["sh", "-c", "${wait}"]\n`);
}

/** In the place of npm: a program of this name that "installs" what is installed in this folder already. */
function buildPackager(): Promise<string> {
  return buildOnce("packager", [join(root, "package-lock.json"), busyboxPath], async (folder) => {
    await addBusybox(folder);
    await mkdir(join(folder, "usr/local/bin"), { recursive: true });
    const npm = join(folder, "usr/local/bin/npm");
    await writeFile(npm, '#!/bin/sh\n[ "$1" != install ] || cp -r /packages/node_modules .\n');
    await chmod(npm, 0o755);
    for (const name of await productionPackages()) {
      await cp(join(root, name), join(folder, "packages", name), { recursive: true });
    }
  });
}

/** Paths such as `node_modules/undici` of what `npm install --omit=dev` installs without the optional runtimes. */
async function productionPackages(): Promise<string[]> {
  const read = async (name: string): Promise<Record<string, Record<string, Record<string, unknown>>>> =>
    JSON.parse(await readFile(join(root, name), "utf8"));
  const runtimes = Object.keys((await read("package.json"))["optionalDependencies"] ?? {});
  const names = Object.entries((await read("package-lock.json"))["packages"] ?? {})
    .filter(([name, entry]) =>
      name !== "" && entry["dev"] !== true && !runtimes.some((runtime) => name === `node_modules/${runtime}`)
    ).map(([name]) => name);
  const there = await Promise.all(names.map((name) => stat(join(root, name)).catch(() => null)));
  return names.filter((_, index) => there[index] !== null);
}

/** Their libraries are in a public base image, too. */
async function nativeModules(): Promise<string[]> {
  const found = (await productionPackages()).map(async (name) => {
    const files = await readdir(join(root, name), { recursive: true });
    return files.filter((file) => file.endsWith(".node")).map((file) => join(root, name, file));
  });
  return (await Promise.all(found)).flat();
}

/** Builds an image from a folder that `fill` makes, unless there is one of the same sources. */
async function buildOnce(
  kind: string,
  sources: readonly string[],
  fill: (folder: string) => Promise<void>,
  instructions = "",
): Promise<string> {
  const hash = createHash("sha256").update(await readFile(fileURLToPath(import.meta.url)));
  for (const source of sources) {
    const { size, mtimeMs } = await stat(source);
    hash.update(`${source} ${size} ${Math.floor(mtimeMs)}\n`);
  }
  const name = `bcs-metric-test/${kind}:${hash.digest("hex").slice(0, 16)}`;
  if (await docker("image", "inspect", name).then(() => true, () => false)) return name;
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-image-"));
  try {
    await fill(join(folder, "root"));
    await writeFile(join(folder, "Dockerfile"), `FROM scratch\nCOPY root /\n${instructions}`);
    await docker("build", "--tag", name, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
  return name;
}

async function addBusybox(folder: string): Promise<void> {
  await addFile(folder, busyboxPath, busyboxPath);
  for (const applet of applets) await symlink("busybox", join(folder, "bin", applet));
  await mkdir(join(folder, "usr/bin"), { recursive: true });
  await symlink("/bin/busybox", join(folder, "usr/bin/env"));
  await mkdir(join(folder, "tmp"));
  await chmod(join(folder, "tmp"), 0o1777);
  await addFile(folder, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt").catch(() => {});
  await mkdir(join(folder, "etc"), { recursive: true });
  await writeFile(join(folder, "etc/passwd"), "root:x:0:0:root:/:/bin/sh\nnonroot:x:65532:65532::/:/bin/sh\n");
}

async function addFile(folder: string, from: string, to: string): Promise<void> {
  await mkdir(dirname(join(folder, to)), { recursive: true });
  await copyFile(from, join(folder, to));
}

/** Runs the engine's command line; without buildx, which Debian's engine lacks. Returns what it prints. */
export async function docker(...args: string[]): Promise<string> {
  const { stdout } = await run("docker", args, {
    env: { ...process.env, DOCKER_BUILDKIT: "0" },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
