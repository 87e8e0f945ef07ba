import assert from "node:assert/strict";
import { test } from "node:test";
import { type CheckedFile, checkFiles } from "./check_files.ts";
import { formatProblem } from "./document.ts";

function task(name: string): string {
  return `apiVersion: bcs-metric/v1\nkind: Task\nmetadata: { clusterId: c1, namespace: shop, name: ${name} }\nspec: {}\n`;
}

/** A file below the folder that was named, or one that was named itself. */
function file(folder: string | null, path: string, text: string): CheckedFile {
  return { path, folder, absolutePath: folder === null ? path : `${folder}/${path}`, text };
}

function check(files: readonly CheckedFile[], ...want: string[]): void {
  assert.deepEqual(checkFiles(files, { frequencyMinSeconds: 60 }).map(formatProblem), want);
}

test("in the root of a volume every file has to match its path", () => {
  check(
    [
      file("/volume", "c1/task/shop/cart.yaml", task("cart")),
      file("/volume", "c1/task/shop/pay.yaml", task("cart")),
      file("/volume", "c1/tasks/shop/pay.yaml", task("pay")),
    ],
    "c1/task/shop/pay.yaml:3:51: file says name cart but its path says pay",
    'c1/tasks/shop/pay.yaml:1:1: no kind of document lives in a folder "tasks"; did you mean "task"?',
  );
});

test("elsewhere a path that ends like a document's is compared, and another is not", () => {
  check(
    [
      file(null, "/home/me/c1/task/shop/pay.yaml", task("cart")),
      file(null, "/home/me/drafts/pay.yaml", task("cart")),
      file("/volume/c1", "task/shop/refund.yaml", task("cart")),
    ],
    "/home/me/c1/task/shop/pay.yaml:3:51: file says name cart but its path says pay",
    "task/shop/refund.yaml:3:51: file says name cart but its path says refund",
  );
});

test("names that differ only in case are refused in one folder, not across folders", () => {
  const wrongCase = task("cart").replace("namespace: shop", "namespace: Shop");
  check([
    file("/volume", "c1/task/Shop/cart.yaml", wrongCase),
    file("/volume", "c1/task/shop/cart.yaml", task("cart")),
    file("/volume2", "c1/task/shop/cart.yaml", task("cart")),
  ], 'c1/task/shop/cart.yaml:1:1: "shop" differs only in case from "Shop"');
});
