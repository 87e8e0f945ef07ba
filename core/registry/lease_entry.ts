import { z } from "zod";
import { nameProblem } from "../config/names.ts";
import { systemPrefix } from "../store/store.ts";
import type { LeaseEntry } from "./lease_table.ts";
import type { RegistryModule, RegistryRecord } from "./records.ts";

const port = z.int().min(0).max(65535);

const record = z.looseObject({
  ip: z.string(),
  port,
  metric_port: port,
  hostname: z.string(),
  scheme: z.enum(["http", "https"]),
  version: z.string(),
  cluster: z.string(),
  pid: z.int(),
  external_ip: z.string().exactOptional(),
  external_port: port.exactOptional(),
  module: z.enum(["service", "collector", "exporter"]),
  id: z.string().refine((id) => nameProblem(id) === null, { error: "is no safe name" }),
  namespace: z.string(),
  load: z.record(z.string(), z.number()),
  instance: z.string(),
  ledger: z.record(z.string(), z.number()).exactOptional(),
  name: z.string().exactOptional(),
});

const leaseEntry = z.looseObject({
  record,
  leaseMs: z.number().min(1).max(3_600_000),
  renewedAtMs: z.number(),
  renewals: z.int(),
});

/** `.bcs-metric/registry/exporter/`: the entries of a module. */
export function registryFolder(module: RegistryModule): string {
  return `${systemPrefix}registry/${module}/`;
}

/** `.bcs-metric/registry/exporter/exporter-0.json`. */
export function registryPath(module: RegistryModule, id: string): string {
  return `${registryFolder(module)}${id}.json`;
}

/** The id that a path below {@link registryFolder} stands for. */
export function idOfPath(module: RegistryModule, path: string): string {
  return path.slice(registryFolder(module).length).replace(/\.json$/, "");
}

export function writeLeaseEntry(entry: LeaseEntry): string {
  return `${JSON.stringify(entry, null, 2)}\n`;
}

/** The record that a value from outside is, or why it is none. Fields that we do not know are kept. */
export function readRecord(
  value: unknown,
): { readonly ok: true; readonly record: RegistryRecord } | { readonly ok: false; readonly reason: string } {
  const parsed = record.safeParse(value);
  if (parsed.success) return { ok: true, record: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, reason: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}` };
}

/** The entry that the text holds, or why it holds none. Fields that we do not know are kept. */
export function readLeaseEntry(
  text: string,
): { readonly ok: true; readonly entry: LeaseEntry } | { readonly ok: false; readonly reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  const parsed = leaseEntry.safeParse(value);
  if (parsed.success) return { ok: true, entry: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, reason: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}` };
}
