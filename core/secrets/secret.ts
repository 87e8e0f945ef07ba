/** What stands for a secret wherever it would be shown. */
export const redacted = "<redacted>";

/**
 * A text that must not be shown. Whatever turns it into a text of its own accord, such as a log, JSON or a template,
 * gets {@link redacted}; who needs the text says so with `reveal`.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return redacted;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return redacted;
  }
}
