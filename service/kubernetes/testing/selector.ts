import type { KubeJson } from "./store.ts";
import { at } from "./validate.ts";

/** A label selector of `key` and `key=value`, separated by commas; "" matches all. */
export function matches(selector: string, { metadata }: KubeJson): boolean {
  const labels = at(metadata, "labels");
  return selector.split(",").filter((part) => part !== "").every((part) => {
    const [key = "", value] = part.split("=", 2);
    return value === undefined ? labels[key] !== undefined : labels[key] === value;
  });
}
