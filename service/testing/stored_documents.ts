import { MemoryStore } from "../../core/store/memory_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ConfigState } from "../config_state.ts";
import type { Documents } from "../documents/documents.ts";
import { makeDocuments } from "../documents/store_documents.ts";

export interface DocumentsOverMemory {
  readonly store: MemoryStore;
  readonly config: ConfigState;
  readonly documents: Documents;
}

/** Documents over a store in memory, which holds `files` by path. The frequency's minimum is 60 s. */
export async function documentsOver(files: Readonly<Record<string, string>> = {}): Promise<DocumentsOverMemory> {
  const store = new MemoryStore();
  const config = new ConfigState({ frequencyMinSeconds: 60 });
  for (const [path, text] of Object.entries(files)) store.putElsewhere(path, text);
  await store.watch("", (event) => void config.apply(event));
  const documents = makeDocuments({
    store,
    config,
    log: makeLogger("test", "silent"),
    frequencyMinSeconds: 60,
    apply: (event) => void config.apply(event),
  });
  return { store, config, documents };
}
