import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { serveHttp } from "../core/runtime/http.ts";
import { formatAddress } from "../core/runtime/system_net.ts";
import { collectorsCommand } from "./collectors.ts";
import { exportersCommand } from "./exporters.ts";

let asked: string[];
let server = "";
let leader = { leading: true, leader: "one" };
let stop = () => Promise.resolve();

beforeEach(async () => {
  asked = [];
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
    const { pathname, search } = new URL(request.url);
    asked.push(pathname + search);
    return Response.json({ collectors: [], exporters: [], workloads: [], leader });
  });
  server = `http://${formatAddress(listener.address)}`;
  stop = () => listener.close();
});
afterEach(() => stop());

test("the service is asked for what is wanted, so that it selects", async () => {
  const output = { print: () => {}, complain: () => {} };
  await collectorsCommand(["--server", server, "--cluster", "c1", "--namespace", "shop", "-l", "alive=false"], output);
  await exportersCommand(["--server", server, "--selector", "version!=2"], output);
  await collectorsCommand(["--server", server], output);
  assert.deepEqual(asked, [
    "/v1/collectors?cluster=c1&namespace=shop&labelSelector=alive%3Dfalse",
    "/v1/exporters?labelSelector=version%21%3D2",
    "/v1/collectors",
    "/v1/workloads",
    "/v1/status",
  ]);
});

test("who asks a service that does not lead for workloads is told which one does", async () => {
  leader = { leading: false, leader: "one" };
  let printed = "";
  const output = { print: (text: string) => void (printed += text), complain: () => {} };
  await collectorsCommand(["--server", server], output);
  assert.match(printed, /known to the service that leads, one: ask it with --server\.\n$/);
  printed = "";
  await collectorsCommand(["--server", server, "--output", "json"], output);
  assert.deepEqual(JSON.parse(printed), { collectors: [] });
});
