import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ServiceFolder } from "../../testing/service_process.ts";

let folder: ServiceFolder;

beforeEach(async () => {
  folder = await ServiceFolder.make();
});
afterEach(() => folder.remove());

interface Example {
  readonly method: string;
  /** Below the prefix. */
  readonly path: string;
  readonly body: string | null;
  readonly answer: string;
}

/** The commands of the page's shell block, each with the line below it, which is what it prints. */
function examplesOf(page: string): Example[] {
  const block = /## By example\n\n```sh\n([^]*?)```/.exec(page)?.[1] ?? assert.fail("the page has no examples");
  return [...block.matchAll(/^curl -s ((?:[^'\n\\]|\\\n|'[^']*')+)\n(.*)$/gm)].map(([, command = "", answer = ""]) => {
    const path = /\$api([^\s"]*)/.exec(command)?.[1] ?? assert.fail(command);
    const body = /-d '([^']*)'/.exec(command)?.[1] ?? null;
    const method = /-X (\w+)/.exec(command)?.[1] ?? (body === null ? "GET" : "POST");
    return { method, path, body, answer };
  });
}

/** How many generations a few changes in a row make depends on how fast they come. */
function withoutGeneration(answer: string): string {
  return answer.replace(/"version":"\d+","cfgs":/, '"cfgs":');
}

test("the examples of docs/old-api.md answer as they are shown", async () => {
  const collectors = join(folder.root, "volume/BCS-K8S-00001/collector/shop");
  await mkdir(collectors, { recursive: true });
  const place = "{ clusterId: BCS-K8S-00001, namespace: shop, name: bcs-collector-shop }";
  const head = "apiVersion: bcs-metric/v1\nkind: Collector\n";
  await writeFile(join(collectors, "bcs-collector-shop.yaml"), `${head}metadata: ${place}\nspec: { replicas: 1 }\n`);
  folder.start(["--orchestrator", "none"]);
  const api = `${await folder.url()}/api/v1/metric`;
  await folder.eventually(async () => (await fetch(api.replace("api/v1/metric", "readyz"))).ok || undefined);
  const page = await readFile(new URL("../../../docs/old-api.md", import.meta.url), "utf8");
  const examples = examplesOf(page);
  assert.equal(examples.length, 8);
  for (const { method, path, body, answer: shown } of examples) {
    const ask = async () => {
      const answer = await fetch(api + path, { method, ...body === null ? {} : { body } });
      assert.equal(answer.status, 200);
      return await answer.text();
    };
    if (path.startsWith("/collector/")) {
      // The assignment follows what was set a moment before.
      await folder.eventually(async () => withoutGeneration(await ask()) === withoutGeneration(shown) || undefined);
    } else {
      assert.equal(await ask(), shown, `${method} ${path}`);
    }
  }
});
