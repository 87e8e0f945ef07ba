/** Bodies are matched with what is expected of them: only the numbers are read, and what has changed is parsed. */
export { Matching } from "./matching.ts";
export { BodyReader } from "./reader.ts";
