import { z } from "zod";

const aboveMax = 1_000_000;

/** Above one figure for long enough there are too few collectors, below the other too many; in between enough. */
function band(what: string) {
  return z.strictObject({
    above: z.number().positive().max(aboveMax).describe(`More collectors when ${what} is above this.`),
    below: z.number().min(0).max(aboveMax).optional()
      .describe(`Fewer when it is below this; without it this figure alone never asks for fewer.`),
  }).refine(({ above, below }) => below === undefined || below < above, {
    error: "below must be less than above, with room between them",
    path: ["below"],
  });
}

/** When a namespace is to have more collectors, or fewer. */
export const autoscaleRule = z.strictObject({
  min: z.int().min(1).max(1000).default(1).describe("Fewest collectors."),
  max: z.int().min(1).max(1000).default(10).describe("Most collectors."),
  cpu: band("the mean CPU of the collectors, in percent of one core,").optional(),
  memory: band("the mean resident memory of the collectors, in MiB,").optional(),
  lag: band("the lag of the most late collector, in seconds by which its scrapes start late,").optional(),
  forSeconds: z.number().min(0).max(86_400).default(300).describe("How long it has to be so."),
  cooldownSeconds: z.number().min(0).max(604_800).default(1800)
    .describe("How long nothing is proposed after something was decided."),
  step: z.int().min(1).max(100).default(1).describe("By how many collectors at once."),
}).refine(({ min, max }) => min <= max, { error: "min must not be more than max", path: ["min"] })
  .refine(({ cpu, memory, lag }) => cpu !== undefined || memory !== undefined || lag !== undefined, {
    error: "needs at least one of cpu, memory and lag",
  });

export type AutoscaleRule = z.output<typeof autoscaleRule>;
