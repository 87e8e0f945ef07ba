import assert from "node:assert/strict";
import { test } from "node:test";
import { FileSystemError, MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { createOnVolume } from "../../core/store/create_entry.ts";
import { openVolume } from "../../core/store/volume_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import type { Claim } from "./claim.ts";
import { makeClaims } from "./claims.ts";

const log = makeLogger("test", "silent");

function claimOf(epoch: number, instance = "a"): Claim {
  return { epoch, holder: `service-${instance}`, instance, process: "", leaseMs: 1000, renewals: 0, released: false };
}

/** A plain directory, and a way for a process to open it. */
async function directory() {
  const fs = new MemoryFileSystem();
  await fs.makeDir("/volume/c1");
  let opened = 0;
  const open = async () => {
    const env = { fs, clock: new ManualClock(), random: seededRandom(++opened) };
    const store = await openVolume({ root: "/volume", env, log });
    return makeClaims({ store, create: createOnVolume(fs, "/volume"), log });
  };
  return { fs, open };
}

test("of processes that claim the same epoch at once exactly one wins it", async () => {
  const { open } = await directory();
  const all = await Promise.all(["a", "b", "c", "d"].map(async (name) => ({ name, claims: await open() })));
  const won = await Promise.all(all.map(({ name, claims }) => claims.claim(claimOf(1, name), 0)));
  assert.equal(won.filter(Boolean).length, 1);
  assert.equal((await all[0]?.claims.highest())?.instance, all[won.indexOf(true)]?.name);
});

test("the winner removes lower claims; who held one of them cannot renew it", async () => {
  const { fs, open } = await directory();
  const claims = await open();
  assert.equal(await claims.claim(claimOf(9), 0), true);
  assert.equal(await claims.renew({ ...claimOf(9), renewals: 1 }), true);
  assert.equal((await claims.highest())?.renewals, 1);
  assert.equal(await claims.claim(claimOf(10, "b"), 9), true);
  assert.equal(await claims.renew({ ...claimOf(9), renewals: 2 }), false);
  assert.deepEqual((await fs.readDir("/volume/.bcs-metric/leader")).map(({ name }) => name), ["epoch-10.json"]);
});

test("an epoch that was outrun, or that follows one which was not seen, is not won and is taken back", async () => {
  const { open } = await directory();
  const claims = await open();
  assert.equal(await claims.claim(claimOf(3), 0), true);
  assert.equal(await claims.claim(claimOf(2, "slept"), 1), false);
  assert.equal(await claims.claim(claimOf(4, "hasty"), 2), false);
  assert.deepEqual(await claims.highest(), claimOf(3));
});

test("a claim whose text was never written is one of an unknown holder; who cannot write it takes it back", async () => {
  const { fs, open } = await directory();
  const claims = await open();
  fs.before = ({ name }) => {
    if (name === "write") throw new FileSystemError("ENOSPC", "/volume");
  };
  await assert.rejects(claims.claim(claimOf(1), 0), /ENOSPC/);
  fs.before = null;
  assert.equal(await claims.highest(), null);
  await (await fs.open("/volume/.bcs-metric/leader/epoch-2.json", "exclusive")).write(new TextEncoder().encode("{"), 0);
  assert.deepEqual(await claims.highest(), { ...claimOf(2), holder: "", instance: "", leaseMs: 0 });
  assert.equal(await claims.claim(claimOf(2), 1), false);
  assert.equal(await claims.claim(claimOf(3), 2), true);
});
