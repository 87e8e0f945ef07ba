import { messageOf, UserError } from "../errors.ts";
import type { Logger } from "../telemetry/log.ts";
import { Counter, Gauge, type Registry } from "../telemetry/metrics.ts";
import type { Clock, FileSystem } from "./env.ts";
import { Polled } from "./polled.ts";
import { expiryMs, pairProblem } from "./system_tls.ts";

/** How often the files are looked at. */
const pollMs = 1000;

/** Where PEM files are; each may be left out. */
export interface TlsPaths {
  /** Certificates that are trusted: a server's clients', or a client's servers'. */
  readonly ca?: string | undefined;
  /** One's own certificate, followed by those between it and its CA. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What the files hold; the same are given as in {@link TlsPaths}. */
export interface TlsContent {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface TlsFilesDeps {
  readonly fs: Pick<FileSystem, "readFile">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * PEM files that are read anew when they change, so that certificates are renewed without a restart. A new content
 * that cannot be used, such as a key that is not the certificate's, changes nothing: the last good one stays, the log
 * and the metrics tell.
 */
export class TlsFiles {
  readonly #files: Polled<TlsContent>;

  private constructor(files: Polled<TlsContent>) {
    this.#files = files;
  }

  /** @throws UserError when a file cannot be read or used, or only one of certificate and key is given. */
  static async open(paths: TlsPaths, deps: TlsFilesDeps): Promise<TlsFiles> {
    if ((paths.cert === undefined) !== (paths.key === undefined)) {
      throw new UserError("Cannot use TLS: give both a certificate and its key, or neither");
    }
    const { clock, log } = deps;
    const files = await Polled.open(() => load(paths, deps), {
      clock,
      log,
      everyMs: pollMs,
      keptMessage: "the certificates stay as they were",
      tellRenewed: () => log.info({ ...paths }, "certificates renewed"),
    });
    return new TlsFiles(files);
  }

  get content(): TlsContent {
    return this.#files.value;
  }

  /** Why the files as they are now cannot be used; null when they can. */
  get problem(): string | null {
    return this.#files.problem;
  }

  /** Changes that could not be used, since the start. */
  get failures(): number {
    return this.#files.failures;
  }

  /** Calls back with each new content. Returns what ends it. */
  onRenew(listener: (content: TlsContent) => void): () => void {
    return this.#files.onChange(listener);
  }

  close(): void {
    this.#files.close();
  }

  /** Reads the files now. */
  reload(): Promise<void> {
    return this.#files.reload();
  }
}

/**
 * Registers `bcs_metric_<part>_tls_expiry_seconds` (until one's own certificate ends), `…_tls_reload_failures_total`
 * and `…_tls_stale` (1 while the files hold something that cannot be used).
 */
export function registerTlsMetrics(metrics: Registry, part: string, files: TlsFiles, clock: Clock): void {
  const prefix = `bcs_metric_${part}_tls_`;
  new Gauge({
    name: `${prefix}expiry_seconds`,
    help: "Seconds until the certificate in use ends.",
    registers: [metrics],
    collect() {
      const { cert } = files.content;
      if (cert !== undefined) this.set((expiryMs(cert) - clock.wallMs()) / 1000);
    },
  });
  new Gauge({
    name: `${prefix}stale`,
    help: "1 while the certificate files hold something that cannot be used, so that the former content stays in use.",
    registers: [metrics],
    collect() {
      this.set(files.problem === null ? 0 : 1);
    },
  });
  new Counter({
    name: `${prefix}reload_failures_total`,
    help: "Changes of the certificate files that could not be used.",
    registers: [metrics],
    collect() {
      this.reset();
      this.inc(files.failures);
    },
  });
}

async function load({ ca, cert, key }: TlsPaths, deps: TlsFilesDeps): Promise<TlsContent> {
  const read = (path: string | undefined) => path === undefined ? undefined : readPem(path, deps.fs);
  const content = { ca: await read(ca), cert: await read(cert), key: await read(key) };
  // Those that have ended may stand beside their successors in the CA file: only that it can be read is checked.
  if (content.ca !== undefined) checkReadable(ca, content.ca);
  if (content.cert === undefined || content.key === undefined) return content;
  const problem = pairProblem(content.cert, content.key);
  if (problem !== null) throw new UserError(`Cannot use certificate "${cert}" with key "${key}": ${problem}`);
  const endMs = expiryMs(content.cert);
  if (endMs > deps.clock.wallMs()) return content;
  throw new UserError(`Cannot use certificate "${cert}": it expired at ${new Date(endMs).toISOString()}`);
}

function checkReadable(path: string | undefined, pem: string): void {
  try {
    expiryMs(pem);
  } catch (error) {
    throw new UserError(`Cannot use CA file "${path}": ${messageOf(error)}`, { cause: error });
  }
}

async function readPem(path: string, fs: TlsFilesDeps["fs"]): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await fs.readFile(path));
  } catch (error) {
    throw new UserError(`Cannot read PEM file "${path}": ${messageOf(error)}`, { cause: error });
  }
}
