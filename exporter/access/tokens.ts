import { z } from "zod";
import { tokenFields, TokenFile, type TokenFileDeps, type TokenKind } from "../../core/tokens/token_file.ts";
import { type Grant, roles } from "./access.ts";
import { isNamespaceScope } from "./scope.ts";

const entry = z.strictObject({
  ...tokenFields,
  role: z.enum(roles).default("collector"),
  namespaces: z.array(
    z.string().refine((text) => text === "*" || isNamespaceScope(text), {
      error: 'must be "<clusterId>/<namespace>", "<clusterId>/*" or "*"',
    }),
  ).optional(),
  dataIds: z.array(z.int().min(1)).optional(),
}).superRefine(({ role, namespaces = [] }, context) => {
  if (role === "admin" || namespaces.length > 0) return;
  context.addIssue({ code: "custom", message: `a token with role ${role} needs namespaces` });
});

const kind: TokenKind<z.output<typeof entry>, Grant> = {
  entry,
  grantOf: ({ name, role, namespaces = ["*"], dataIds = null }) => ({ name, role, namespaces, dataIds }),
};

/**
 * Opens the exporter's file of tokens; docs/tls.md has its form.
 * @throws UserError when the file cannot be used.
 */
export function openTokenFile(path: string, deps: TokenFileDeps): Promise<TokenFile<Grant>> {
  return TokenFile.open(path, kind, deps);
}
