import { HelpShown, OptionError } from "../core/options.ts";

/** Where a command writes: what was asked for, and what went wrong. */
export interface Output {
  print(text: string): void;
  /** One line. */
  complain(line: string): void;
}

export const terminal: Output = {
  print: (text) => void process.stdout.write(text),
  complain: (line) => console.error(line),
};

/** One of the commands below a command, such as `list` below `metric`. */
export interface Verb {
  readonly summary: string;
  /** Runs with the arguments after the verb and returns the exit code. */
  run(argv: readonly string[], output: Output): Promise<number>;
}

/**
 * Runs the verb that the first argument names.
 * @throws HelpShown after the verbs were listed, OptionError for one that does not exist, and what the verb does.
 */
export async function runGroup(
  name: string,
  summary: string,
  verbs: Readonly<Record<string, Verb>>,
  argv: readonly string[],
  output: Output,
): Promise<number> {
  const [word = "--help", ...rest] = argv;
  if (word === "--help" || word === "-h" || word === "help") {
    output.print(usage(name, summary, verbs));
    throw new HelpShown("");
  }
  const verb = Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (verb === undefined) {
    const known = Object.keys(verbs).join(", ");
    throw new OptionError(`bcs-metric: unknown command "${name} ${word}"; ${name} has ${known}`);
  }
  return await verb.run(rest, output);
}

function usage(name: string, summary: string, verbs: Readonly<Record<string, Verb>>): string {
  const lines = Object.entries(verbs).map(([word, verb]) => `  ${word.padEnd(11)}${verb.summary}`);
  return `Usage: bcs-metric ${name} COMMAND [OPTIONS]\n\n${summary}\n\nCommands:\n${lines.join("\n")}\n\n`
    + `bcs-metric ${name} COMMAND --help shows the options of a command.\n`;
}
