/** What makes a target the target that it is, whoever scrapes it. */
export interface TargetIdentity {
  readonly cluster: string;
  readonly namespace: string;
  readonly metric: string;
  /** `host:port`. */
  readonly address: string;
  /** "" when it is not known. */
  readonly pod: string;
  /** Where it is more than the address, see `endpointOf`. */
  readonly endpoint?: string;
}
