/** What a collector without the store talks to: a service, over HTTP (docs/streams.md). */
export { makeHttpRegistry } from "./http_registry.ts";
export { HttpSeats } from "./http_seats.ts";
export { HttpSource, type HttpSourceOptions, readServices } from "./http_source.ts";
export { ServiceRequests } from "./requests.ts";
export { StatusWriter } from "./status_writer.ts";
export { makeTransport, type ServiceTransport } from "./transport.ts";
