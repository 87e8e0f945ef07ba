import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { tokenFields, TokenFile, type TokenFileDeps, type TokenKind } from "../../core/tokens/token_file.ts";
import { type Identity, roles } from "./auth.ts";

/** Says who sent a request. */
export interface Authenticator {
  /** Whoever the token belongs to; null for one that is not, or no longer, valid. */
  find(token: string): Identity | null;
  /** Calls back after each change of the tokens. Returns what ends it. */
  onChange(listener: () => void): () => void;
}

const entry = z.strictObject({
  ...tokenFields,
  role: z.enum(roles),
  namespaces: z.array(
    z.string().refine((text) => text === "*" || isNamespace(text), {
      error: 'must be "<clusterId>/<namespace>" or "*"',
    }),
  ).optional(),
}).superRefine(({ role, namespaces }, context) => {
  const problem = scopeProblem(role, namespaces);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

const kind: TokenKind<z.output<typeof entry>, Identity> = {
  entry,
  grantOf: ({ name, role, namespaces = ["*"] }) => ({ name, role, namespaces }),
};

/**
 * Opens the service's file of bearer tokens:
 * ```yaml
 * tokens:
 *   - { name: ops, tokenSha256: 9f86…, role: admin }
 *   - { name: shop-team, token: "env:SHOP_TOKEN", role: editor, namespaces: [BCS-K8S-00001/shop] }
 *   - { name: dashboards, token: "file:dashboards.token", role: viewer, namespaces: ["*"] }
 * ```
 * @throws UserError when the file cannot be used.
 */
export function openTokens(path: string, deps: TokenFileDeps): Promise<TokenFile<Identity>> {
  return TokenFile.open(path, kind, deps);
}

function scopeProblem(role: Identity["role"], namespaces: readonly string[] | undefined): string | null {
  if (role === "admin") {
    const all = namespaces === undefined || namespaces.includes("*");
    return all ? null : "an admin has all namespaces; leave them out, or make it an editor";
  }
  if (namespaces === undefined || namespaces.length === 0) return `a token with role ${role} needs namespaces`;
  if (role !== "collector" || (namespaces.length === 1 && namespaces[0] !== "*")) return null;
  return "a collector's token is for exactly one namespace";
}

function isNamespace(text: string): boolean {
  const names = text.split("/");
  return names.length === 2 && names.every((name) => nameProblem(name) === null);
}
