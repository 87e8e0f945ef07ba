/** For at most so many scrapes is something not learnt again. */
export const scrapesMax = 64;
/** Of so many families that change it is remembered; of the others it is not known that they do. */
const familiesMax = 1000;

interface Penalty {
  scrapes: number;
  until: number;
}

/**
 * Learning costs more than parsing, so what was learnt for nothing is left alone: after its first change a family is
 * learnt again at once, after each further one only 1, 2, 4 … up to 64 scrapes later. The same goes for a body of
 * which most families change. What has stayed the same for long begins anew.
 */
export class Reluctance {
  #scrape = 0;
  readonly #body: Penalty = { scrapes: -1, until: 0 };
  readonly #families = new Map<string, Penalty>();

  /** A scrape begins. */
  begin(): void {
    this.#scrape++;
  }

  /** Whether anything may be learnt of this scrape. */
  get mayLearn(): boolean {
    return this.#scrape >= this.#body.until;
  }

  mayLearnFamily(family: string): boolean {
    const penalty = this.#families.get(family);
    return penalty === undefined || this.#scrape >= penalty.until;
  }

  /** What was learnt of the body was of no use. */
  bodyChanged(): void {
    this.#punish(this.#body);
  }

  /** What was learnt of the family was of no use, or it could not be learnt. */
  familyChanged(family: string): void {
    let penalty = this.#families.get(family);
    if (penalty === undefined) {
      const [oldest] = this.#families.keys();
      if (this.#families.size >= familiesMax && oldest !== undefined) this.#families.delete(oldest);
      this.#families.set(family, penalty = { scrapes: -1, until: 0 });
    }
    this.#punish(penalty);
  }

  #punish(penalty: Penalty): void {
    const quietScrapes = this.#scrape - penalty.until;
    const isAnew = penalty.scrapes < 0 || quietScrapes > 4 * Math.max(penalty.scrapes, 4);
    penalty.scrapes = isAnew ? 0 : Math.min(scrapesMax, Math.max(1, penalty.scrapes * 2));
    penalty.until = this.#scrape + penalty.scrapes;
  }
}
