import type { z } from "zod";
import { openHttpClient } from "../http/mod.ts";
import type { SinkType } from "../sink_types.ts";
import { otlpSchema } from "./options.ts";
import { createOtlpSink } from "./sink.ts";

export const otlpType: SinkType<z.output<typeof otlpSchema>> = {
  schema: otlpSchema,
  place: () => null,
  async create(options, context) {
    const { name, compression, samplesMax, resourceLabels } = options;
    const { env: { clock }, log } = context;
    const client = await openHttpClient(options, context);
    return createOtlpSink({ name, client, compression, samplesMax, resourceLabels, clock, log });
  },
};
