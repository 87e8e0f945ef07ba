#!/usr/bin/env node
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { HelpShown, OptionError } from "../core/options.ts";
import { describeFailure } from "../core/runtime/process.ts";
import { version } from "../core/version.ts";

type Run = (argv: readonly string[]) => Promise<number>;

interface Subcommand {
  readonly summary: string;
  /** Loads only the code of this command: a collector's process holds no exporter. */
  load(): Promise<Run>;
}

const subcommands: Readonly<Record<string, Subcommand>> = {
  up: {
    summary: "run the whole system on this machine, with a live status line",
    load: async () => (await import("./up/up.ts")).upCommand,
  },
  service: {
    summary: "run a Metric-Service",
    load: async () => (await import("../service/main.ts")).main,
  },
  collector: {
    summary: "run a collector",
    load: async () => (await import("../collector/main.ts")).main,
  },
  exporter: {
    summary: "run an exporter",
    load: async () => (await import("../exporter/main.ts")).main,
  },
  metric: {
    summary: "metrics, what is scraped: list, get, apply, delete, trial",
    load: async () => (await import("./metric.ts")).metricCommand,
  },
  task: {
    summary: "tasks, targets supplied from outside: list, get, apply, delete",
    load: async () => (await import("./task.ts")).taskCommand,
  },
  targets: {
    summary: "list the targets with their health, owner and last error",
    load: async () => (await import("./targets.ts")).targetsCommand,
  },
  explain: {
    summary: "why a pod, an address or a metric is scraped or not",
    load: async () => (await import("./explain.ts")).explainCommand,
  },
  collectors: {
    summary: "list the collectors with their state and load",
    load: async () => (await import("./collectors.ts")).collectorsCommand,
  },
  exporters: {
    summary: "list the exporters with their load",
    load: async () => (await import("./exporters.ts")).exportersCommand,
  },
  ledger: {
    summary: "what became of every record, by sink; exit code 1 when the sums do not agree",
    load: async () => (await import("./ledger.ts")).ledgerCommand,
  },
  "dead-letters": {
    summary: "what destinations refused for good: list, show, resend",
    load: async () => (await import("./dead_letters.ts")).deadLettersCommand,
  },
  guards: {
    summary: "changes that are held because they remove suspiciously much: list, confirm, discard",
    load: async () => (await import("./guards.ts")).guardsCommand,
  },
  approvals: {
    summary: "plans for other numbers of collectors: list, show, approve, reject",
    load: async () => (await import("./approvals.ts")).approvalsCommand,
  },
  tail: {
    summary: "show samples as the exporters take them",
    load: async () => (await import("./tail.ts")).tailCommand,
  },
  wal: {
    summary: "look into an exporter's write-ahead log: inspect",
    load: async () => {
      const [{ walCommand }, { inspectWal }] = await Promise.all([import("./wal.ts"), import("../exporter/main.ts")]);
      return (argv) => walCommand(argv, inspectWal);
    },
  },
  health: {
    summary: "ask a part on this machine whether it is alive, as a container's health check does",
    load: async () => (await import("./health.ts")).healthCommand,
  },
  check: {
    summary: "validate configuration files; problems are shown as file:line:column",
    load: async () => (await import("./check.ts")).checkCommand,
  },
  parse: {
    summary: "parse an exposition into JSON lines",
    load: async () => (await import("./parse.ts")).parseCommand,
  },
  schema: {
    summary: "print the JSON Schemas of the configuration files",
    load: async () => (await import("./schema.ts")).schemaCommand,
  },
};

/** Runs the `bcs-metric` command and returns its exit code: 0 for success, 1 for a failure, which is one line. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = argv;
  if (name === "--help" || name === "-h" || name === "help") return print(usage());
  if (name === "--version" || name === "-V") return print(`${version}\n`);
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand === undefined) {
    console.error(`bcs-metric: unknown command "${name}"; see bcs-metric --help`);
    return 1;
  }
  try {
    const run = await subcommand.load();
    return await run(rest);
  } catch (error) {
    if (error instanceof HelpShown) return 0;
    console.error(error instanceof OptionError ? error.message : `bcs-metric: ${describeFailure(error)}`);
    return 1;
  }
}

function usage(): string {
  const lines = Object.entries(subcommands).map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`);
  return `Usage: bcs-metric COMMAND [OPTIONS]

Collects business metrics from container networks and delivers them, acknowledged end to end.

Commands:
${lines.join("\n")}

bcs-metric COMMAND --help shows the options of a command; each can also be set by an environment variable
BCS_METRIC_<OPTION> or in a YAML file named by --config.
`;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
