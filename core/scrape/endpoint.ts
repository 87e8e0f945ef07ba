/** What tells a target of a metric from the metric's others. */
export interface Endpoint {
  /** `host:port`. */
  readonly address: string;
  /** In place of the metric's, when relabelling changed them. */
  readonly uri?: string | undefined;
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/**
 * The endpoint as one text: the address alone, followed by what relabelling changed of path and parameters, such as
 * `10.0.0.7:9115/probe?module=tcp&target=a`. So many probes through one exporter are targets of their own. It depends
 * on the target alone, not on which others there are: a probe more changes nothing for those before it. The scheme is
 * no part of it, since a port speaks either http or https.
 */
export function endpointOf({ address, uri = "", parameters }: Endpoint): string {
  if (parameters === undefined) return address + pathOf(uri);
  return `${address}${pathOf(uri)}?${queryOf(parameters)}`;
}

/** The parameters as one text, in whatever order they come. */
export function queryOf(parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams(Object.entries(parameters).toSorted(([a], [b]) => a < b ? -1 : 1)).toString();
}

/** The endpoint where it is more than the address. */
export function ownEndpoint(endpoint: Endpoint): { readonly endpoint?: string } {
  const text = endpointOf(endpoint);
  return text === endpoint.address ? {} : { endpoint: text };
}

/** Escaped just enough that a question mark begins the parameters, and no two paths become one. */
function pathOf(uri: string): string {
  return uri.replaceAll(/[%? ]/g, encodeURIComponent);
}
