import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { HelpShown, OptionError } from "../core/options.ts";
import type { Listener } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { targetsCommand, targetTable } from "./targets.ts";

const target = {
  cluster: "c1",
  namespace: "shop",
  metric: "cart",
  address: "10.0.0.1:9100",
  pod: "cart-0",
  collector: "bcs-collector-shop-0",
  health: "up",
  error: "",
  lastScrapeMs: 1_000_000,
  samples: 120,
};
const moving = { ...target, movesTo: { collector: "bcs-collector-shop-1", atMs: 1_098_500 } };
const pending = { ...target, address: "", pod: "cart-1", collector: "", health: "unresolved", lastScrapeMs: 0 };

let listener: Listener | null = null;
let server = "";
let requests: { readonly url: string; readonly authorization: string | null }[] = [];
let answer: () => Response = () => Response.json({ targets: [target] });

beforeEach(async () => {
  requests = [];
  listener = await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
    requests.push({ url: request.url, authorization: request.headers.get("authorization") });
    return answer();
  });
  server = `http://127.0.0.1:${listener.address.port}`;
});
afterEach(() => listener?.close());

/** What the command prints, with its exit code. */
async function run(...argv: string[]): Promise<{ code: number; printed: string }> {
  let printed = "";
  const code = await targetsCommand(argv, (text) => printed += text);
  return { code, printed };
}

test("people get an aligned table, with ages and the reasons of what is not scraped", () => {
  const rows = [target, { ...pending, error: "pod has ports http, the metric asks for web" }];
  assert.equal(
    targetTable(rows, 1_090_000),
    [
      "NAMESPACE  METRIC  TARGET         POD     COLLECTOR             HEALTH      LAST  SAMPLES  ERROR",
      "shop       cart    10.0.0.1:9100  cart-0  bcs-collector-shop-0  up            1m      120  -",
      "shop       cart    -              cart-1  -                     unresolved     -        -  "
      + "pod has ports http, the metric asks for web",
      "",
    ].join("\n"),
  );
});

test("clusters are shown where there are several", () => {
  assert.match(targetTable([target, { ...target, cluster: "c2" }], 0), /^CLUSTER {2}NAMESPACE/);
});

test("scripts get what the service answered, and the filters are handed on", async () => {
  const { code, printed } = await run(
    "--server",
    `${server}/`,
    "--output",
    "json",
    "--metric",
    "cart",
    "--health",
    "up",
    "-l",
    "samples!=0",
  );
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(printed), { targets: [target] });
  assert.equal(requests[0]?.url, `${server}/v1/targets?metric=cart&health=up&labelSelector=samples%21%3D0`);
  assert.equal(requests[0]?.authorization, null);
});

test("a token is shown to the service", async () => {
  await run("--server", server, "--token", "t0ken", "--output", "yaml");
  assert.equal(requests[0]?.authorization, "Bearer t0ken");
});

test("a service that is away is told in one line", async () => {
  await listener?.close();
  await assert.rejects(targetsCommand(["--server", server]), (error: Error) => {
    assert.equal(error.name, "UserError");
    assert.match(error.message, new RegExp(`^Cannot reach the service at ${server}: .+; is it running\\? choose .+$`));
    return true;
  });
});

test("a refusal is told in the service's words, and nonsense as such", async () => {
  const usual = answer;
  try {
    answer = () => Response.json({ title: "Bad filter", detail: "no\nsuch" }, { status: 400 });
    await assert.rejects(run("--server", server), { message: `Cannot get ${server}/v1/targets: Bad filter: no such` });
    answer = () => new Response("<html>", { status: 502 });
    await assert.rejects(run("--server", server), { message: `Cannot get ${server}/v1/targets: HTTP 502` });
    answer = () => new Response("<html>");
    await assert.rejects(run("--server", server), /no Metric-Service of this version$/);
  } finally {
    answer = usual;
  }
});

test("wrong options and help are the caller's", async () => {
  await assert.rejects(run("--health", "good"), OptionError);
  await assert.rejects(run("--server", "nowhere"), OptionError);
  await assert.rejects(run("--help"), HelpShown);
});

test("a target that changes hands shows to whom, and when", () => {
  const [, line] = targetTable([moving, { ...target, movesTo: null }], 1_090_000).split("\n");
  assert.match(line ?? "", / bcs-collector-shop-0, then bcs-collector-shop-1 in 8s {2}/);
});
