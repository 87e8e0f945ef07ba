import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { openVolume } from "../../core/store/volume_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { storeConformance } from "./store_suite.ts";

storeConformance("volume store", async () => {
  const root = await mkdtemp(join(tmpdir(), "bcs-metric-volume-"));
  const options = { root, env: systemEnv, log: makeLogger("test", "silent") };
  const store = await openVolume(options);
  const other = await openVolume(options);
  return {
    store,
    other,
    async close() {
      await store.close();
      await other.close();
      await rm(root, { recursive: true });
    },
  };
});
