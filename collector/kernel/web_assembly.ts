/** The unit in which WebAssembly counts memory. */
export const pageBytes = 64 * 1024;

/** What we use of WebAssembly, since the compiler's types of it come with those of a browser only. */
export interface WebAssemblyApi {
  readonly Module: new(bytes: Uint8Array) => object;
  readonly Instance: new(module: object, imports: object) => { readonly exports: object };
  readonly Memory: new(pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
}

/** The runtime's WebAssembly. Throws where it has none, as with `--lite-mode` or `--jitless`. */
export function webAssembly(): WebAssemblyApi {
  const api = (globalThis as { readonly WebAssembly?: WebAssemblyApi }).WebAssembly;
  if (api === undefined) throw new Error("Cannot use WebAssembly: the runtime has none");
  return api;
}
