import { Command, CommanderError, Option } from "commander";
import { load } from "js-yaml";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { messageOf } from "./errors.ts";

/**
 * One option of a command: flag `--frequency-min`, environment variable `BCS_METRIC_FREQUENCY_MIN` and key
 * `frequencyMin` (or `frequency-min`) of the file that `--config` names, in that order of precedence.
 */
export interface OptionDefinition<Schema extends z.ZodType = z.ZodType> {
  /** Placeholder of the value in `--help`, such as `HOST:PORT`; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  /** One letter that stands for the flag, such as `f` for `-f`. */
  readonly short?: string;
  /** Reads text from flag and environment as well as typed values from YAML: coerce numbers. */
  readonly schema: Schema;
}

export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>;
export type OptionValues<Definitions extends OptionDefinitions> = {
  [Name in keyof Definitions]: z.output<Definitions[Name]["schema"]>;
};

export interface CommandDefinition<Definitions extends OptionDefinitions> {
  readonly name: string;
  readonly summary: string;
  /** Usage of positional arguments, such as `FILE|DIR...`; absent when there are none. */
  readonly positional?: string;
  readonly options: Definitions;
  /** Keys of the `--config` file that are no options; they are handed back unread in `config`. */
  readonly configKeys?: readonly string[];
}

export interface ReadOptions<Definitions extends OptionDefinitions> {
  readonly values: OptionValues<Definitions>;
  readonly positional: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  /** Path of the `--config` file, or "" without one. */
  readonly configPath: string;
}

/** The command line, environment or `--config` file is wrong; the message names the option and where it was set. */
export class OptionError extends Error {
  override name = "OptionError";
}

/** Thrown after `--help` was printed: the caller ends with code 0. */
export class HelpShown extends Error {
  override name = "HelpShown";
}

/**
 * Reads a command's options from arguments, environment and `--config` file.
 * @throws OptionError for an unknown option or key, or a value that its schema refuses.
 * @throws HelpShown when `--help` was asked for.
 */
export async function readOptions<Definitions extends OptionDefinitions>(
  definition: CommandDefinition<Definitions>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReadOptions<Definitions>> {
  const command = parseArguments(definition, argv);
  const flags = command.opts<Record<string, string | boolean | undefined>>();
  const configPath = String(flags["config"] ?? env["BCS_METRIC_CONFIG"] ?? "");
  const config = configPath === "" ? {} : await readConfigFile(configPath, definition);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(definition.options)) {
    values[name] = resolveOption(name, option, flags, env, config, configPath);
  }
  return { values: values as OptionValues<Definitions>, positional: command.args, config, configPath };
}

/** `frequencyMin` as a flag's name: `frequency-min`. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `frequencyMin` as an environment variable: `BCS_METRIC_FREQUENCY_MIN`. */
export function environmentName(name: string): string {
  return `BCS_METRIC_${flagName(name).replaceAll("-", "_").toUpperCase()}`;
}

/** The opposite of reading: option values as command-line arguments, without those that are undefined. */
export function writeArguments(values: Readonly<Record<string, string | number | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${flagName(name)}`, String(value)]
  );
}

function parseArguments(definition: CommandDefinition<OptionDefinitions>, argv: readonly string[]): Command {
  const command = new Command(`bcs-metric ${definition.name}`).description(definition.summary).exitOverride();
  if (definition.positional !== undefined) command.argument(definition.positional);
  command.allowExcessArguments(definition.positional !== undefined);
  for (const [name, option] of Object.entries(definition.options)) {
    const short = option.short === undefined ? "" : `-${option.short}, `;
    const flag = `${short}--${flagName(name)}${option.value === undefined ? "" : ` <${option.value}>`}`;
    command.addOption(new Option(flag, `${option.help}${defaultNote(option)} [${environmentName(name)}]`));
  }
  command.option("--config <FILE>", "YAML file with any of these options as keys [BCS_METRIC_CONFIG]");
  command.configureOutput({ writeErr: () => {} });
  try {
    return command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === "commander.helpDisplayed") throw new HelpShown("", { cause: error });
    const reason = error.message.replace(/^error: /, "");
    throw new OptionError(`Cannot run "${definition.name}": ${reason}; see bcs-metric ${definition.name} --help`);
  }
}

function defaultNote(option: OptionDefinition): string {
  const absent = option.schema.safeParse(undefined);
  const value = absent.success ? absent.data : undefined;
  return value === undefined || value === false || value === "" ? "" : ` (default: ${JSON.stringify(value)})`;
}

async function readConfigFile(
  path: string,
  definition: CommandDefinition<OptionDefinitions>,
): Promise<Record<string, unknown>> {
  let content: unknown;
  try {
    content = load(await readFile(path, "utf8"), { filename: path, maxAliases: 0 });
  } catch (error) {
    throw new OptionError(`Cannot read config file "${path}": ${messageOf(error)}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new OptionError(`Cannot read config file "${path}": expected a mapping of option names to values`);
  }
  const known = new Set([
    ...Object.keys(definition.options),
    ...Object.keys(definition.options).map(flagName),
    ...definition.configKeys ?? [],
  ]);
  for (const key of Object.keys(content)) {
    if (!known.has(key)) throw new OptionError(`Cannot read config file "${path}": unknown key "${key}"`);
  }
  return content as Record<string, unknown>;
}

function resolveOption(
  name: string,
  option: OptionDefinition,
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
  config: Readonly<Record<string, unknown>>,
  configPath: string,
): unknown {
  const variable = environmentName(name);
  const sources: [string, unknown][] = [
    [`--${flagName(name)}`, flags[name]],
    [variable, env[variable]],
    [`${configPath}: ${name}`, config[name] ?? config[flagName(name)]],
  ];
  const [where, raw] = sources.find(([, value]) => value !== undefined) ?? [`--${flagName(name)}`, undefined];
  const result = option.schema.safeParse(raw);
  if (result.success) return result.data;
  const issue = result.error.issues[0]?.message ?? "not valid";
  if (raw === undefined) throw new OptionError(`Cannot do without ${where} (or ${variable}): ${option.help}`);
  throw new OptionError(`Cannot use ${where} ${JSON.stringify(raw)}: ${issue}`);
}
