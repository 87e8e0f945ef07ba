/** What a target farm exposes, and how often it is scraped. */
export interface Case {
  /** As it is called on the command line. */
  readonly name: string;
  readonly title: string;
  readonly targets: number;
  readonly seriesPerTarget: number;
  readonly frequencySeconds: number;
  /** Whether all targets expose the same series; otherwise no two targets share one. */
  readonly isShared: boolean;
  /** Whether one family in twenty has other series with each scrape. */
  readonly isChurning: boolean;
  readonly isGzip: boolean;
  /** Not counted: until every target has been scraped a few times. */
  readonly warmUpSeconds: number;
  /** A multiple of the frequency, so that every target is scraped equally often. */
  readonly measuredSeconds: number;
}

const usual = {
  targets: 200,
  seriesPerTarget: 1000,
  frequencySeconds: 2,
  isShared: true,
  isChurning: false,
  isGzip: false,
  warmUpSeconds: 8,
  measuredSeconds: 16,
} as const;

export const cases: readonly Case[] = [
  { ...usual, name: "shared", title: "200 targets x 1,000 series every 2 s, the same series on all" },
  {
    ...usual,
    name: "million",
    title: "1,000 targets x 1,000 series every 10 s, the same series on all",
    targets: 1000,
    frequencySeconds: 10,
    warmUpSeconds: 20,
    measuredSeconds: 20,
  },
  { ...usual, name: "unshared", title: "200 x 1,000 every 2 s, no two targets share a series", isShared: false },
  {
    ...usual,
    name: "churn",
    title: "200 x 1,000 every 2 s, 5 % of the series are new in each scrape",
    isChurning: true,
  },
  { ...usual, name: "gzip", title: "200 x 1,000 every 2 s, the targets compress with gzip", isGzip: true },
];

/** The same in small: a few seconds that only show that it works. */
export function shortened(whole: Case): Case {
  const size = { targets: 5, seriesPerTarget: 100, frequencySeconds: 1, warmUpSeconds: 2, measuredSeconds: 3 };
  return { ...whole, title: `in small: ${whole.title}`, ...size };
}
