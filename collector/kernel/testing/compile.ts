import { readdir, readFile } from "node:fs/promises";

const folder = new URL("../assembly/", import.meta.url);

const options = [
  ["--outFile", "module.wasm"],
  ["--optimizeLevel", "3"],
  ["--shrinkLevel", "0"],
  // No allocator, no garbage collector and no data: the memory is laid out by ../kernel_memory.ts.
  ["--runtime", "stub"],
  ["--importMemory"],
  ["--noExportMemory"],
  ["--enable", "simd"],
].flat();

/** What is used of the compiler. Its own types declare globals anew, `Array` among them, for everything that is checked. */
interface Compiler {
  main(options: readonly string[], api: {
    readFile(name: string): string | null;
    writeFile(name: string, content: string | Uint8Array): void;
    listFiles(): string[];
    readonly stderr: { write(text: string): void };
  }): Promise<{ readonly error: Error | null }>;
}

// A name that is not a literal, so that no types are looked for.
const compilerModule: string = "assemblyscript/asc";

/** The modules in the kernel's folder, each of `assembly/NAME.ts`. */
export const moduleNames = ["kernel", "inflate"] as const;

/** Compiles a module's AssemblyScript in memory. Throws, with what the compiler says, when it does not compile. */
export async function compileModule(module: (typeof moduleNames)[number]): Promise<Uint8Array> {
  const sources = new Map<string, string>();
  for (const name of await readdir(folder)) sources.set(name, await readFile(new URL(name, folder), "utf8"));
  let wasm: Uint8Array | undefined;
  let complaints = "";
  const compiler = await import(compilerModule) as Compiler;
  const { error } = await compiler.main([`${module}.ts`, ...options], {
    readFile: (name) => sources.get(name) ?? null,
    writeFile: (_, content) => void (wasm = content as Uint8Array),
    listFiles: () => [],
    stderr: { write: (text) => void (complaints += text) },
  });
  if (wasm === undefined) {
    throw new Error(`Cannot compile module "${module}" of the kernel: ${complaints}`, { cause: error });
  }
  return wasm;
}
