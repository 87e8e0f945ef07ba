import type { Env } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { openToken, type Token } from "../../core/tokens/own_token.ts";
import type { AutoscaleConfig, NotifierConfig } from "./config.ts";
import type { HttpFetch } from "./http_fetch.ts";
import { makeLogNotifier } from "./notify/log_notifier.ts";
import type { Notifier } from "./notify/notifier.ts";
import { makeWebhook } from "./notify/webhook.ts";
import { makeWecom, wecomUrlDefault } from "./notify/wecom.ts";

export interface NotifierDeps {
  readonly env: Pick<Env, "clock" | "fs">;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly fetch: HttpFetch;
}

export interface OpenedNotifiers {
  readonly notifiers: readonly Notifier[];
  close(): void;
}

/**
 * The log, and what the configuration names. Their secrets are read again when their files change.
 * @throws UserError for a secret that is not there.
 */
export async function openNotifiers(config: AutoscaleConfig, deps: NotifierDeps): Promise<OpenedNotifiers> {
  const secrets: Token[] = [];
  const notifiers: Notifier[] = [makeLogNotifier(deps.log)];
  for (const one of config.notifiers) {
    const { text, field } = one.type === "wecom"
      ? { text: one.key, field: "key" }
      : { text: one.secret, field: "secret" };
    const flag = `the ${field} of notifier "${one.name}",`;
    const secret = await openToken(text, deps.variables, { ...deps.env, log: deps.log, flag });
    secrets.push(secret);
    notifiers.push(open(one, () => secret.current(), deps));
  }
  return {
    notifiers,
    close() {
      for (const secret of secrets) secret.close();
    },
  };
}

function open(config: NotifierConfig, secret: () => string, { env: { clock }, fetch }: NotifierDeps): Notifier {
  switch (config.type) {
    case "webhook":
      return makeWebhook({ name: config.name, url: config.url, headers: config.headers, secret, fetch, clock });
    case "wecom":
      return makeWecom({
        name: config.name,
        url: config.url ?? wecomUrlDefault,
        key: secret,
        style: config.style,
        fetch,
        clock,
      });
    default:
      return config satisfies never;
  }
}
