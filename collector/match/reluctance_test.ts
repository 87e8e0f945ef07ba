import assert from "node:assert/strict";
import { test } from "node:test";
import { Reluctance, scrapesMax } from "./reluctance.ts";

/** At which of so many scrapes it is learnt, when it has always changed by the next one. */
function learntAt(scrapes: number, mayLearn: (it: Reluctance) => boolean, changed: (it: Reluctance) => void): number[] {
  const reluctance = new Reluctance();
  const learnt: number[] = [];
  for (let scrape = 0; scrape < scrapes; scrape++) {
    reluctance.begin();
    if (learnt.at(-1) === scrape - 1) changed(reluctance);
    if (mayLearn(reluctance)) learnt.push(scrape);
  }
  return learnt;
}

test("what always changes is learnt again ever more rarely", () => {
  const want = [0, 1, 3, 6, 11, 20, 37, 70, 135, 200];
  assert.deepEqual(learntAt(230, (it) => it.mayLearnFamily("a"), (it) => it.familyChanged("a")), want);
  assert.deepEqual(learntAt(230, (it) => it.mayLearn, (it) => it.bodyChanged()), want);
});

test("what stayed the same for long begins anew", () => {
  const reluctance = new Reluctance();
  const changeSoon = () => {
    reluctance.begin();
    reluctance.familyChanged("a");
  };
  for (let change = 0; change < 20; change++) changeSoon();
  assert.equal(reluctance.mayLearnFamily("a"), false);
  for (let scrape = 0; scrape < scrapesMax * 6; scrape++) reluctance.begin();
  changeSoon();
  assert.equal(reluctance.mayLearnFamily("a"), true);
});

test("one family's changes are no other's, and only so many are remembered", () => {
  const reluctance = new Reluctance();
  reluctance.begin();
  for (let change = 0; change < 5; change++) reluctance.familyChanged("a");
  assert.equal(reluctance.mayLearnFamily("a"), false);
  assert.equal(reluctance.mayLearnFamily("b"), true);
  for (let index = 0; index < 1000; index++) reluctance.familyChanged(`other${index}`);
  assert.equal(reluctance.mayLearnFamily("a"), true);
});
