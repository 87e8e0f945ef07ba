import { addTally, newTally, type Tally } from "../ledger/books.ts";
import type { Batch, DeliveryOutcome } from "../sink.ts";
import { batchOf } from "./batch.ts";
import { batchOfLetter, type DeadLetter } from "./dead_letter.ts";
import { type DeadLetters, letterTally } from "./dead_letters.ts";

export interface ResendResult {
  readonly delivered: Tally;
  /** Refused again: still dead letters. */
  readonly rejected: Tally;
  /** Not sent, as the destination takes nothing now: still dead letters. */
  readonly left: Tally;
  /** Why something was rejected or left; null when nothing was. */
  readonly reason: string | null;
}

export interface ResendDeps {
  readonly batchSamplesMax: number;
  readonly wallMs: () => number;
  readonly stopping: () => boolean;
  deliver(batch: Batch): Promise<DeliveryOutcome>;
}

const groupLettersMax = 500;

/** What becomes of the letters of one delivery. */
interface Sent {
  readonly outcome: DeliveryOutcome["outcome"];
  readonly letters: readonly DeadLetter[];
  readonly reason: string;
}

/**
 * Sends all dead letters of a sink again, in order. A destination that wants to be tried later ends it: the rest stays.
 * Rejects when the file system fails; the letters are kept then.
 */
export async function resendLetters(deadLetters: DeadLetters, deps: ResendDeps): Promise<ResendResult> {
  const letters = await deadLetters.takeAll();
  const [delivered, rejected, leftTally] = [newTally(), newTally(), newTally()];
  const kept: DeadLetter[] = [];
  let reason: string | null = null;
  let sent = 0;
  for (const group of groupsOf(letters, deps.batchSamplesMax)) {
    if (deps.stopping()) break;
    const answers = await sendGroup(group, deps);
    for (const answer of answers) {
      if (answer.outcome === "retry") continue;
      sent += answer.letters.length;
      for (const letter of answer.letters) {
        addTally(answer.outcome === "delivered" ? delivered : rejected, letterTally(letter));
        if (answer.outcome === "rejected") {
          kept.push({ ...letter, reason: answer.reason, rejectedMs: deps.wallMs() });
        }
      }
    }
    reason = answers.find(({ outcome }) => outcome !== "delivered")?.reason ?? reason;
    if (answers.some(({ outcome }) => outcome === "retry")) break;
  }
  const left = letters.slice(sent);
  for (const letter of left) addTally(leftTally, letterTally(letter));
  if (letters.length > 0) await deadLetters.finishResend([...kept, ...left]);
  if (left.length > 0) reason ??= "the exporter is stopping";
  return { delivered, rejected, left: leftTally, reason };
}

/** Those of a refused group go one by one, so that the good ones arrive. Ends behind the first that has to wait. */
async function sendGroup(group: readonly DeadLetter[], deps: ResendDeps): Promise<Sent[]> {
  const outcome = await deps.deliver(merge(group.map(batchOfLetter)));
  const reason = outcome.outcome === "delivered" ? "" : outcome.reason;
  if (outcome.outcome !== "rejected" || group.length === 1) {
    return [{ outcome: outcome.outcome, letters: group, reason }];
  }
  const sent: Sent[] = [];
  for (const letter of group) {
    const answer = await deps.deliver(batchOfLetter(letter));
    const why = answer.outcome === "delivered" ? "" : answer.reason;
    sent.push({ outcome: answer.outcome, letters: [letter], reason: why });
    if (answer.outcome === "retry") break;
  }
  return sent;
}

function* groupsOf(letters: readonly DeadLetter[], samplesMax: number): Generator<DeadLetter[]> {
  let group: DeadLetter[] = [];
  let samples = 0;
  for (const letter of letters) {
    const more = letterTally(letter).samples;
    if (group.length >= groupLettersMax || group.length > 0 && samples + more > samplesMax) {
      yield group;
      group = [];
      samples = 0;
    }
    group.push(letter);
    samples += more;
  }
  if (group.length > 0) yield group;
}

function merge(batches: readonly Batch[]): Batch {
  return batchOf(batches.flatMap(({ scrapes }) => scrapes), batches.flatMap(({ opaque }) => opaque));
}
