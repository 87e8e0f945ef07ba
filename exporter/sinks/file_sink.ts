import { errorCode, messageOf } from "../../core/errors.ts";
import { FileMissingError, type FileSystem } from "../../core/runtime/env.ts";
import type { Batch, DeliveryOutcome, Sink } from "../sink.ts";
import { encodedLines, JsonLines } from "./json_lines.ts";
import { RotatingFile } from "./rotating_file.ts";

export interface FileSinkOptions {
  readonly name: string;
  /** Where the files go; it is made when it is absent. No other sink may write there. */
  readonly directory: string;
  /** Default 64 MiB. */
  readonly rotateBytes?: number;
  /** Files to keep; older ones are removed when a new one begins. Default 10. */
  readonly filesMax?: number;
  /** Bound of the cached parts of lines. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  readonly fs: FileSystem;
}

export const rotateBytesDefault = 64 * 1024 * 1024;
export const filesMaxDefault = 10;

/**
 * Writes samples and opaque records as JSON lines (json_lines.ts) into rotated files (rotating_file.ts). A batch is
 * delivered when it is fsynced. A disk that is full or fails is a retry: nothing of that batch stays in the file.
 */
export function createFileSink(options: FileSinkOptions): Sink {
  const { name, directory, fs, rotateBytes = rotateBytesDefault, filesMax = filesMaxDefault } = options;
  const lines = new JsonLines(options.cacheBytesMax);
  const file = new RotatingFile({ directory, rotateBytes, filesMax, fs });
  return {
    name,
    type: "file",
    async deliver(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
      try {
        await file.append(encodedLines(lines, batch), signal);
      } catch (error) {
        if (signal.aborted) return { outcome: "retry", reason: "stopped" };
        if (!isFileError(error)) throw error;
        return { outcome: "retry", reason: `Cannot write to "${directory}": ${messageOf(error)}` };
      }
      return { outcome: "delivered", samples: batch.sampleCount, records: batch.scrapes.length + batch.opaque.length };
    },
    close: () => file.close(),
  };
}

/** The file system failed, as opposed to our own code. */
function isFileError(error: unknown): boolean {
  return errorCode(error) !== "" || error instanceof FileMissingError;
}
