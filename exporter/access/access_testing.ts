import { type Access, type Grant, makeAccess, type TokenSource } from "./access.ts";

/** Tokens that a test adds and revokes. */
export class FakeTokens implements TokenSource {
  readonly #grants = new Map<string, Grant>();
  readonly #listeners = new Set<() => void>();

  set(token: string, grant: Partial<Grant>): void {
    this.#grants.set(token, { name: token, role: "collector", namespaces: ["c1/shop"], dataIds: null, ...grant });
    for (const listener of this.#listeners) listener();
  }

  revoke(token: string): void {
    this.#grants.delete(token);
    for (const listener of this.#listeners) listener();
  }

  find(token: string): Grant | null {
    return this.#grants.get(token) ?? null;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** Access by tokens, with the token `good` for c1/shop. */
export function tokenAccess(grant: Partial<Grant> = {}, oldClients = false): { access: Access; tokens: FakeTokens } {
  const tokens = new FakeTokens();
  tokens.set("good", grant);
  return { access: makeAccess({ tokens, clientCertificates: false, oldClients }), tokens };
}
