import assert from "node:assert/strict";
import { test } from "node:test";
import type { CollectorStatus } from "../../core/registry/status.ts";
import { recordOf } from "../../core/registry/testing/record.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { makeHttpRegistry, pollMs } from "./http_registry.ts";
import { ServiceRefusalError, ServiceRequests, ServiceUnavailableError } from "./requests.ts";
import { StatusWriter } from "./status_writer.ts";
import type { HttpAnswer, HttpRequest, ServiceTransport } from "./transport.ts";

/** Services that answer as the test says; an Error is a failure to answer. */
function services(answer: (request: HttpRequest) => HttpAnswer | Error) {
  const sent: string[] = [];
  const bodies: unknown[] = [];
  const transport: ServiceTransport = {
    request: (request) => {
      sent.push(`${request.method} ${request.url}${request.path}`);
      bodies.push(request.body === undefined ? null : JSON.parse(request.body));
      const given = answer(request);
      return given instanceof Error ? Promise.reject(given) : Promise.resolve(given);
    },
    stream: () => () => {},
    close: () => Promise.resolve(),
  };
  return { sent, bodies, requests: new ServiceRequests(transport, () => ["http://a", "http://b", "http://c"]) };
}

const ok: HttpAnswer = { status: 200, text: '{"leaseMs":15000}' };
const settled = () => new Promise((resolve) => setImmediate(resolve));
const log = makeLogger("test", "silent");

test("a request goes on to one other service when the first cannot answer", async () => {
  const { sent, requests } = services(({ url }) => url === "http://a" ? new Error("refused") : ok);
  assert.equal(await requests.send({ method: "GET", path: "/x" }), ok.text);
  assert.deepEqual(sent, ["GET http://a/x", "GET http://b/x"]);
  const none = services(() => ({ status: 503, text: "" }));
  await assert.rejects(none.requests.send({ method: "GET", path: "/x" }), ServiceUnavailableError);
  assert.equal(none.sent.length, 2);
  const refused = services(() => ({ status: 403, text: "" }));
  await assert.rejects(
    refused.requests.send({ method: "GET", path: "/x" }),
    (error) => error instanceof ServiceRefusalError && error.status === 403,
  );
  assert.equal(refused.sent.length, 1);
});

test("a status is sent whole, then as what changed, and whole again when that does not fit or was not taken", async () => {
  const answers: (HttpAnswer | Error)[] = [];
  const { bodies, requests } = services(() => answers.shift() ?? ok);
  const writer = new StatusWriter(requests, { cluster: "c", namespace: "n", name: "one-0" });
  const status = (reportedAtMs: number): CollectorStatus => ({
    collector: "one-0",
    generation: 1,
    reportedAtMs,
    targets: [],
  });
  const delta = (sinceMs: number, to: number) => ({ sinceMs, status: status(to), removed: [] });
  await writer.write(status(1));
  await writer.write(status(2));
  answers.push({ status: 409, text: "" });
  await writer.write(status(3));
  assert.deepEqual(bodies.splice(0), [status(1), delta(1, 2), delta(2, 3), status(3)]);
  answers.push(new Error("refused"), new Error("refused"));
  await assert.rejects(writer.write(status(4)), ServiceUnavailableError);
  bodies.splice(0);
  await writer.write(status(5));
  assert.deepEqual(bodies, [status(5)]);
});

test("a lease is renewed every third, and announced anew when it is gone", async () => {
  const clock = new ManualClock();
  let isGone = false;
  const { sent, requests } = services(({ method }) => isGone && method === "POST" ? { status: 404, text: "" } : ok);
  const record = recordOf("collector", "c.n.one-0", { cluster: "c", namespace: "n", instance: "i" });
  const registration = await makeHttpRegistry({ requests, clock, log }).register(() => record);
  clock.advance(5000);
  await settled();
  isGone = true;
  clock.advance(5000);
  await settled();
  await registration.close();
  const path = "http://a/v1/registry/collectors/c.n.one-0";
  const withdrawal = `DELETE ${path}?cluster=c&namespace=n&instance=i`;
  assert.deepEqual(sent, [`PUT ${path}`, `POST ${path}`, `POST ${path}`, `PUT ${path}`, withdrawal]);
});

test("exporters are asked for again and again, and reported when they change; none means not known", async () => {
  const clock = new ManualClock();
  let exporters: readonly unknown[] = [recordOf("exporter", "e-0"), { odd: true }];
  let isDown = false;
  const { requests } = services(() =>
    isDown ? new Error("refused") : { status: 200, text: JSON.stringify({ exporters }) }
  );
  const reported: string[][] = [];
  const watch = await makeHttpRegistry({ requests, clock, log })
    .watch("exporter", (records) => reported.push(records.map((record) => record.id)));
  const round = async () => {
    await settled();
    clock.advance(pollMs);
    await settled();
  };
  await round();
  assert.deepEqual(reported, [["e-0"]]);
  isDown = true;
  await round();
  isDown = false;
  exporters = [];
  await round();
  exporters = [recordOf("exporter", "e-1")];
  await round();
  assert.deepEqual(reported, [["e-0"], ["e-1"]]);
  await watch.close();
});
