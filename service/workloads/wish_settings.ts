import { Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import { launchDigest, type LaunchValues } from "../launch_options.ts";
import type { WishSettings } from "../reconcile/workloads.ts";
import type { DriftPolicy } from "./next_record.ts";
import { TemplateFiles, type TemplateFilesDeps } from "./template_files.ts";
import { noTemplates } from "./templates.ts";

export interface WishValues extends LaunchValues {
  readonly collectorTemplates?: string | undefined;
  readonly drift: DriftPolicy;
}

/** What an operator says of all collector workloads; it may change while the service runs. */
export interface OpenedWishSettings {
  current(): WishSettings;
  onChange(listener: () => void): void;
  close(): void;
}

/**
 * What the options say, with the templates that they name.
 * @throws OptionError when they do not say how collectors are to be started.
 */
export async function openWishSettings(
  values: WishValues,
  deps: TemplateFilesDeps & { readonly metrics: Registry },
): Promise<OpenedWishSettings> {
  const { collectorTemplates: path, collectorImage: image, drift } = values;
  const launch = launchDigest(values);
  const files = path === undefined ? null : await TemplateFiles.open(path, deps);
  new Gauge({
    name: "bcs_metric_service_workload_templates_valid",
    help: "Whether the workload templates are in force as they are now: 1 or 0.",
    registers: [deps.metrics],
    collect() {
      this.set(files === null || files.problem === "" ? 1 : 0);
    },
  });
  return {
    current: () => ({
      image,
      launch,
      drift,
      templates: files === null ? noTemplates : files.inForce,
      templateProblem: files?.problem ?? "",
    }),
    onChange: (listener) => files?.onChange(listener),
    close: () => files?.close(),
  };
}
