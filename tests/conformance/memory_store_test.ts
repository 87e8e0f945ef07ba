import { MemoryStore } from "../../core/store/memory_store.ts";
import { storeConformance } from "./store_suite.ts";

storeConformance("memory store", () => {
  const store = new MemoryStore();
  return Promise.resolve({ store, other: store, close: () => store.close() });
});
