import { noSecrets, type SecretSource } from "../secrets/secret_source.ts";
import { AddressRules } from "./address_rules.ts";
import type { ScrapeRequest } from "./request.ts";

/** What stands between a definition and a request: whatever the operator, and not the definition's author, decides. */
export interface ScrapeAccess {
  readonly addresses: AddressRules;
  readonly secrets: SecretSource;
  /** Proxies that definitions may name, as `http://host:port`. */
  readonly proxies: ReadonlySet<string>;
  /** Whether a definition may turn the check of certificates off. */
  readonly allowsInsecureTls: boolean;
  /** Renewed certificates that cannot be used, so that the former ones stay in use; called once for each change. */
  readonly certificateProblem: (address: string, reason: string) => void;
}

/** Nothing but addresses that are not denied by default. */
export const defaultAccess: ScrapeAccess = {
  addresses: new AddressRules(),
  secrets: noSecrets,
  proxies: new Set(),
  allowsInsecureTls: false,
  certificateProblem: () => {},
};

/** Why a request was not made; the operator's doing, except for `secret`. */
export type Refusal = "address" | "proxy" | "insecure-tls" | "secret";

/** What the operator does not allow of a request, apart from its address and secrets; null when nothing. */
export function refusalOf(
  request: ScrapeRequest,
  access: ScrapeAccess,
): { readonly refused: Refusal; readonly reason: string } | null {
  const { proxy, tls } = request;
  if (proxy !== "" && !access.proxies.has(proxy)) {
    const reason = `proxy ${proxy} is not among those that the operator allows (--allow-proxies)`;
    return { refused: "proxy", reason };
  }
  if (tls?.insecureSkipVerify === true && !access.allowsInsecureTls) {
    const reason = "insecureSkipVerify is not allowed by the operator (--allow-insecure-tls)";
    return { refused: "insecure-tls", reason };
  }
  return null;
}
