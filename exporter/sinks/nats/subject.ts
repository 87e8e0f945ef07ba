import { createHash } from "node:crypto";

/**
 * The subject of a message: `template` with `{name}` replaced by the value of that label, made safe by
 * {@link escapeToken}; `_` stands for a label that is absent or empty.
 */
export function subjectOf(template: string, values: ReadonlyMap<string, string>): string {
  return template.replace(placeholder, (_, name: string) => escapeToken(values.get(name) ?? ""));
}

const placeholder = /\{([a-zA-Z_][a-zA-Z0-9_]*)\}/g;

/** Letters, digits, `_` and `-` stay; each byte of anything else in UTF-8 becomes `%XX`. */
export function escapeToken(value: string): string {
  if (value === "") return "_";
  return value.replace(/[^A-Za-z0-9_-]/gu, (one) => {
    const hex = Buffer.from(one, "utf8").toString("hex").toUpperCase();
    return hex.replace(/../g, "%$&");
  });
}

/** The subjects that a template can give, for a stream that takes them all: each token with a placeholder is `*`. */
export function wildcardOf(template: string): string {
  return template.split(".").map((token) => token.search(placeholder) === -1 ? token : "*").join(".");
}

/** Why a template cannot be used; null when it can. */
export function templateProblem(template: string): string | null {
  const tokens = template.replace(placeholder, "x").split(".");
  if (tokens.every((token) => /^[A-Za-z0-9_%$-]+$/.test(token))) return null;
  return "must be tokens of letters, digits, _ and - joined by dots, with labels as {cluster}";
}

/** The same message always has the same id, so that the stream can drop what it has already. */
export function messageId(subject: string, payload: Uint8Array): string {
  return createHash("sha256").update(subject).update("\n").update(payload).digest("base64url").slice(0, 22);
}
