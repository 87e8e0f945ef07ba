/** What `fetch` does; passed in, so that tests answer in its place. */
export type HttpFetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * The body of an answer as text.
 * @throws RangeError when it has more bytes.
 */
export async function readCapped(answer: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const part of answer.body ?? []) {
    bytes += part.length;
    if (bytes > bytesMax) throw new RangeError(`the answer has more than ${bytesMax} bytes`);
    text += decoder.decode(part, { stream: true });
  }
  return text + decoder.decode();
}

/** A URL with a user or password cannot be fetched, and would show them in errors. */
export function hasNoCredentials(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password } = new URL(url);
  return username === "" && password === "";
}
