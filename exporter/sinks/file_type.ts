import { resolve } from "node:path";
import { z } from "zod";
import { createFileSink, filesMaxDefault, rotateBytesDefault } from "./file_sink.ts";
import type { SinkContext, SinkType } from "./sink_types.ts";

const fileSchema = z.strictObject({
  name: z.string(),
  type: z.literal("file"),
  path: z.string().min(1).optional(),
  rotateBytes: z.int().min(1024).default(rotateBytesDefault),
  filesMax: z.int().min(1).default(filesMaxDefault),
});

export const fileType: SinkType<z.output<typeof fileSchema>> = {
  schema: fileSchema,
  place: fileDirectory,
  create(options, context) {
    const { name, rotateBytes, filesMax } = options;
    const directory = fileDirectory(options, context);
    return createFileSink({ name, directory, rotateBytes, filesMax, fs: context.env.fs });
  },
};

function fileDirectory(options: { readonly path?: string | undefined }, context: SinkContext): string {
  if (options.path === undefined) return resolve(context.dataDir, "export");
  return resolve(context.configDir, options.path);
}
