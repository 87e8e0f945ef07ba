import assert from "node:assert/strict";
import { test } from "node:test";
import { isTemporaryName, writeAtomically } from "./atomic_write.ts";
import { FileMissingError } from "./env.ts";
import { FileSystemError, MemoryFileSystem } from "./memory_fs.ts";
import { systemEnv } from "./system_env.ts";

const path = "c1/metric/shop/cart.yaml";
const bytesOf = (text: string) => new TextEncoder().encode(text);

async function contentOf(fs: MemoryFileSystem): Promise<string | null> {
  try {
    return new TextDecoder().decode(await fs.readFile(`/volume/${path}`));
  } catch (error) {
    if (error instanceof FileMissingError) return null;
    throw error;
  }
}

async function volumeWith(text: string | null): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  await fs.makeDir("/volume");
  await fs.syncDir("/");
  if (text !== null) await writeAtomically({ ...systemEnv, fs }, "/volume", path, bytesOf(text));
  return fs;
}

for (const before of [null, "the old content"]) {
  test(`a power cut at any instant leaves ${before ?? "nothing"} or the whole new content`, async () => {
    const fs = await volumeWith(before);
    const survivors: MemoryFileSystem[] = [];
    fs.before = () => {
      for (const mode of ["drop", "keep", "torn"] as const) survivors.push(fs.crash(mode));
    };
    await writeAtomically({ ...systemEnv, fs }, "/volume", path, bytesOf("the new content"));
    fs.before = null;
    assert.ok(survivors.length > 10);
    for (const survivor of survivors) {
      const content = await contentOf(survivor);
      assert.ok(content === before || content === "the new content", `found ${JSON.stringify(content)}`);
    }
    for (const mode of ["drop", "torn"] as const) assert.equal(await contentOf(fs.crash(mode)), "the new content");
  });
}

test("a write that fails leaves the old content and no temporary file", async () => {
  for (const failing of ["open", "write", "sync", "rename"] as const) {
    const fs = await volumeWith("the old content");
    fs.before = ({ name, path: where }) => {
      if (name === failing) throw new FileSystemError("ENOSPC", where);
    };
    await assert.rejects(writeAtomically({ ...systemEnv, fs }, "/volume", path, bytesOf("new")), FileSystemError);
    fs.before = null;
    assert.equal(await contentOf(fs), "the old content");
    assert.deepEqual((await fs.readDir("/volume/c1/metric/shop")).map((entry) => entry.name), ["cart.yaml"]);
  }
});

test("a root that is gone is not made anew", async () => {
  const fs = new MemoryFileSystem();
  await assert.rejects(writeAtomically({ ...systemEnv, fs }, "/volume", path, bytesOf("new")), FileMissingError);
  assert.equal(await fs.stat("/volume"), null);
});

test("temporary files are told from others by their names", () => {
  assert.ok(isTemporaryName(".cart.yaml.0123456789abcdef.tmp"));
  for (const name of ["cart.yaml", ".cart.yaml.swp", ".cart.yaml.tmp", "cart.yaml.0123456789abcdef.tmp"]) {
    assert.ok(!isTemporaryName(name), name);
  }
});
