import assert from "node:assert/strict";
import { addsUp, type ExporterLedger, exporterLedger, totalsOf } from "../../core/telemetry/ledger_answer.ts";
import { waitFor } from "./wait.ts";

const intervalMs = 100;

/** The books of an exporter, checked: every sum agrees, by its own word and by ours. Null when it does not answer. */
export async function readLedger(url: string, query = ""): Promise<ExporterLedger | null> {
  let answer: unknown;
  try {
    const response = await fetch(`${url}/v1/ledger${query}`, { signal: AbortSignal.timeout(5000) });
    answer = await response.json();
    // While it starts it has no books yet.
    if (!response.ok) return null;
  } catch {
    return null;
  }
  const ledger = exporterLedger.parse(answer);
  const text = JSON.stringify(ledger);
  assert.ok(ledger.balanced && ledger.sinks.every((sink) => sink.balanced), text);
  assert.ok(totalsOf([ledger]).every(addsUp), text);
  return ledger;
}

/** Waits until no exporter holds anything for any sink; returns the books. */
export async function drained(urls: readonly string[]): Promise<ExporterLedger[]> {
  return await waitFor("all sinks to have everything", 45_000, async () => {
    const books = await Promise.all(urls.map((url) => readLedger(url)));
    const found = books.filter((ledger) => ledger !== null);
    const isDone = found.length === urls.length && found.every(({ sinks }) => sinks.every(({ held }) => held === 0));
    return isDone ? found : null;
  });
}

/** Reads the books of exporters over and over while something else happens to them. */
export class LedgerWatch {
  /** Answers that were read and agree. */
  polls = 0;
  readonly #urls: readonly string[];
  readonly #ended: Promise<void>;
  #ending = false;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
    this.#ended = this.#run();
    // Whoever ends the watch is told.
    this.#ended.catch(() => {});
  }

  /** Rejects when some sum did not agree at any time. */
  end(): Promise<void> {
    this.#ending = true;
    return this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#ending) {
      for (const url of this.#urls) if (await readLedger(url) !== null) this.polls++;
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
    }
  }
}
