import { yamlBytesMax } from "../core/config/yaml.ts";
import { readFile } from "./check.ts";

/** The text of a file, or of standard input for `-`; or why it cannot be read. */
export async function readSource(path: string): Promise<{ readonly text: string } | { readonly problem: string }> {
  return path === "-" ? await readStandardInput() : await readFile(path);
}

async function readStandardInput(): Promise<{ readonly text: string } | { readonly problem: string }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > yamlBytesMax) return { problem: `a document has at most ${yamlBytesMax} bytes` };
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString("utf8") };
}
