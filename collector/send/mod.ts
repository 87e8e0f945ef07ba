/**
 * The collector's sending side: numbers what was scraped, keeps it until an exporter has made it durable, and sends
 * it again after every interruption.
 */
export {
  type AddressSource,
  type ExporterAddress,
  type ExporterRegistry,
  fixedAddress,
  registryAddresses,
} from "./addresses.ts";
export { openDisk, type OpenedDisk } from "./disk/keeper.ts";
export type { OutboundRecord, Outbox } from "./outbox.ts";
export { defaultBudgetBytes, type Sender, type SenderOptions, type SenderStats, startSender } from "./sender.ts";
