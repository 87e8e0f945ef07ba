import type { z } from "zod";
import { openHttpClient } from "../http/mod.ts";
import type { SinkType } from "../sink_types.ts";
import { remoteWriteSchema } from "./options.ts";
import { createRemoteWriteSink } from "./sink.ts";

export const remoteWriteType: SinkType<z.output<typeof remoteWriteSchema>> = {
  schema: remoteWriteSchema,
  place: () => null,
  async create(options, context) {
    const { name, protocol, samplesMax } = options;
    const { env: { clock }, log } = context;
    const client = await openHttpClient(options, context);
    return createRemoteWriteSink({ name, client, protocol, samplesMax, clock, log });
  },
};
