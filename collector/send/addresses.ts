import type { RegistryRecord } from "../../core/registry/records.ts";
import { formatAddress, parseAddress } from "../../core/runtime/system_net.ts";
import { loadScore } from "./load_score.ts";

/** An exporter that may be connected to. */
export interface ExporterAddress {
  /** `host:port` of its frame port. */
  readonly address: string;
  /** Its load on a scale that all exporters share; lower is better. */
  readonly load: number;
}

export interface AddressSource {
  /**
   * Reports all exporters now and after each change. An empty list means "not known", never "there are none".
   * `onFailure` hears why nothing will be reported (any more). The returned function ends the subscription.
   */
  subscribe(
    onChange: (addresses: readonly ExporterAddress[]) => void,
    onFailure?: (error: unknown) => void,
  ): () => void;
}

/**
 * The one exporter at `address`, `host:port`.
 * @throws RangeError when it is not an address.
 */
export function fixedAddress(address: string): AddressSource {
  parseAddress(address);
  return {
    subscribe(onChange) {
      onChange([{ address, load: 0 }]);
      return () => {};
    },
  };
}

/** The part of a registry that tells which exporters there are. */
export interface ExporterRegistry {
  watch(
    module: "exporter",
    onChange: (records: readonly RegistryRecord[]) => void,
  ): Promise<{ close(): Promise<void> }>;
}

/** The exporters that announce themselves in the registry, with the score of their load. */
export function registryAddresses(registry: ExporterRegistry): AddressSource {
  return {
    subscribe(onChange, onFailure = () => {}) {
      let ended = false;
      const watching = registry.watch("exporter", (records) => {
        // One that drains refuses everybody. Were all of them to, the list would be empty, which changes nothing.
        if (!ended) onChange(records.filter(({ load }) => load["draining"] !== 1).map(addressOf));
      });
      watching.catch(onFailure);
      return () => {
        ended = true;
        // A watch that never began was reported above and leaves nothing to close.
        watching.then((watch) => watch.close(), () => undefined).catch(onFailure);
      };
    },
  };
}

function addressOf(record: RegistryRecord): ExporterAddress {
  return {
    address: formatAddress({ host: record.ip, port: record.port }),
    load: loadScore(record.load),
  };
}
