import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";

export type Logger = PinoLogger;

export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * A logger of JSON lines with `component` in each, on standard error, so that standard output stays free for data.
 * Times are ISO 8601 in UTC. `level` defaults to `info`.
 */
export function makeLogger(component: string, level: LogLevel = "info", destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination ?? pino.destination({ dest: 2, sync: true }));
}
