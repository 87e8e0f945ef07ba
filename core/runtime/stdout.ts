/** A stream of bytes that somebody may read slowly, or stop reading. */
export interface ByteOutput {
  /** Resolves when the bytes have been handed on; rejects when nobody will ever read them. */
  write(bytes: Uint8Array): Promise<void>;
}

interface DenoGlobal {
  readonly stdout: { write(bytes: Uint8Array): Promise<number> };
}

/**
 * This process's standard output. A reader that is slow makes `write` wait, and nothing else in the process: on Deno
 * `process.stdout` would block all of it.
 */
export function standardOutput(): ByteOutput {
  const deno = (globalThis as { Deno?: DenoGlobal }).Deno;
  return deno === undefined ? nodeOutput() : denoOutput(deno);
}

function denoOutput(deno: DenoGlobal): ByteOutput {
  return {
    async write(bytes) {
      for (let sent = 0; sent < bytes.length;) sent += await deno.stdout.write(bytes.subarray(sent));
    },
  };
}

function nodeOutput(): ByteOutput {
  let failure: Error | null = null;
  // Without a listener the error would end the process; the write that failed tells it too.
  process.stdout.on("error", (error) => failure ??= error);
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        // Behind the first failure the stream only says that it was destroyed.
        process.stdout.write(bytes, (error) => {
          if (error === undefined || error === null) resolve();
          else reject(failure ?? error);
        });
      }),
  };
}
