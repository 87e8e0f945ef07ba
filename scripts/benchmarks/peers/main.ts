import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { Agent } from "./agent.ts";
import { type Case, cases, shortened } from "./cases.ts";
import { prometheuses, vmagents } from "./go_agents.ts";
import { measure, type Measurement } from "./measure.ts";
import { ours } from "./ours.ts";
import { splitCpus } from "./pinned.ts";
import { topFunctions } from "./profile.ts";
import { isComplete, tableOf } from "./report.ts";

const agents: readonly Agent[] = [...vmagents, ...prometheuses, ...ours];
/** Those that run when none is named. */
const usual: readonly string[] = ["vmagent", "prometheus", "node", "deno"];

const usage = `scripts/bench peers [--short] [--only AGENT]… [--case CASE]… [--json FILE] [--profile DIR]

Runs each agent in each case, one after the other, against the same targets and the same sink.
  --only     agents to run: ${agents.map(({ name }) => name).join(", ")}; by default ${usual.join(", ")}
  --case     cases to run, by default all:
${cases.map(({ name, title }) => `               ${name.padEnd(10)} ${title}\n`).join("")}\
  --short    the first case in small, to show that it works: the figures mean nothing
  --json     writes the measurements to a file
  --profile  writes CPU profiles of ours on Node to a folder, and prints where the time goes
`;

process.exitCode = await main(process.argv.slice(2));

/** Returns the exit code: 0, 1 when samples are missing, 2 for a wrong command line. */
async function main(args: readonly string[]): Promise<number> {
  const chosen = choose(args);
  if (typeof chosen === "string") {
    process.stderr.write(chosen);
    return chosen === usage ? 0 : 2;
  }
  const present = presentAgents(chosen.agents);
  if (present === null) return 1;
  if (chosen.profile !== null) mkdirSync(chosen.profile, { recursive: true });
  const all: Measurement[] = [];
  for (const one of chosen.cases) {
    process.stdout.write(`\n${one.name}: ${one.title}\n`);
    process.stdout.write(`${one.measuredSeconds} s measured after ${one.warmUpSeconds} s of warm-up\n`);
    const rows: Measurement[] = [];
    for (const agent of present) rows.push(await measure(agent, one, chosen.profile));
    process.stdout.write(tableOf(rows));
    all.push(...rows);
    if (chosen.json !== null) writeFileSync(chosen.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  if (chosen.profile !== null) process.stdout.write(topFunctions(chosen.profile, chosen.cases[0]?.warmUpSeconds ?? 0));
  // A peer that loses samples is no failure of ours.
  const own = all.filter(({ agent }) => ours.some(({ name }) => name === agent));
  return own.every(isComplete) ? 0 : 1;
}

interface Choice {
  readonly agents: readonly Agent[];
  readonly cases: readonly Case[];
  readonly json: string | null;
  readonly profile: string | null;
}

/** What the command line asks for, or what has to be said about it. */
function choose(args: readonly string[]): Choice | string {
  const list = { type: "string", multiple: true } as const;
  const options = {
    short: { type: "boolean", default: false },
    only: list,
    case: list,
    json: { type: "string" },
    profile: { type: "string" },
    help: { type: "boolean", default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help) return usage;
    const names = values.case ?? (values.short ? cases.slice(0, 1) : cases).map(({ name }) => name);
    return {
      agents: (values.only ?? usual).map((name) => named(agents, "agent", name)),
      cases: names.map((name) => named(cases, "case", name)).map((one) => values.short ? shortened(one) : one),
      json: values.json ?? null,
      profile: values.profile ?? null,
    };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${usage}`;
  }
}

function named<T extends { readonly name: string }>(all: readonly T[], what: string, name: string): T {
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`Cannot run ${what} "${name}": there is none of that name`);
  return found;
}

/** Says what will run. Null when CI, which allows nothing to be left out, wants what cannot be had. */
function presentAgents(wanted: readonly Agent[]): readonly Agent[] | null {
  const cpu = cpus();
  const where = splitCpus();
  const pinning = where === null
    ? "nothing is pinned"
    : `agents on CPU ${where.agent}, targets and sink on ${where.rest}`;
  process.stdout.write(`${cpu.length} x ${cpu[0]?.model ?? "unknown"}, ${pinning}\n`);
  const versions = wanted.map((agent) => ({ agent, version: agent.version() }));
  for (const { agent, version } of versions) {
    process.stdout.write(`  ${agent.name.padEnd(15)} ${version ?? "cannot be had: left out"}\n`);
  }
  const present = versions.filter(({ version }) => version !== null).map(({ agent }) => agent);
  if (present.length === wanted.length || process.env["CI"] !== "true") return present;
  process.stderr.write("Cannot run the benchmark: agents are missing, and CI=true allows nothing to be left out\n");
  return null;
}
