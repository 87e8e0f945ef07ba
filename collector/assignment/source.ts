/** What a source of assignments tells of the one collection that it follows. */
export type SourceEvent =
  /** The YAML text of the collection, as it is now. */
  | { readonly type: "document"; readonly text: string }
  /** There is a collection, but nobody can read it: too large, not permitted, no text. */
  | { readonly type: "unreadable"; readonly reason: string }
  /** There is no collection, and the source is sure of it. */
  | { readonly type: "absent" }
  /** The source cannot say what there is: what was said before stays valid. */
  | { readonly type: "unavailable"; readonly reason: string }
  /** It can again; whatever changed meanwhile was reported before. */
  | { readonly type: "available" };

/** Where a collector learns what to scrape: the shared store, or the HTTP stream of a service. */
export interface AssignmentSource {
  /**
   * Reports what there is now and each change, until it is closed. Reporting may begin before the promise resolves.
   * The listener must not throw. `generation` is what an earlier run left in force, 0 for nothing.
   */
  start(onEvent: (event: SourceEvent) => void, generation: number): Promise<void>;
  close(): Promise<void>;
}
