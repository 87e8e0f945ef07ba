import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { recordOf } from "../testing/fake_registry.ts";
import { answerView, type View } from "./view_list.ts";
import { exporterView, guardView } from "./views.ts";

interface Row {
  readonly place: string;
  readonly name: string;
  readonly alive: boolean;
  readonly restarts: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly load: Readonly<Record<string, number>>;
}

const view: View<Row> = {
  member: "rows",
  key: ["place", "name"],
  filters: { place: "place", alive: "alive" },
  values: { alive: ["true", "false"] },
  labels: ({ labels }) => labels,
};

function row(place: string, name: string, over: Partial<Row> = {}): Row {
  return { place, name, alive: true, restarts: 0, labels: {}, load: { targets: 1 }, ...over };
}

const rows = [
  row("shop", "b", { alive: false, labels: { tier: "gold", name: "hidden" } }),
  row("bank", "c", { restarts: 3, labels: { tier: "gold" } }),
  row("shop", "a"),
];

async function get<T extends object>(query: string, of: View<T>, all: readonly T[]) {
  const app = new Hono();
  app.get("/", (context) => answerView(context, of, all));
  const answer = await app.request(`/?${query}`);
  return { status: answer.status, body: await answer.json() as Record<string, unknown> & { rows: Row[] } };
}

const namesOf = async (query: string) => (await get(query, view, rows)).body.rows.map(({ name }) => name).join("");

test("rows are filtered by their fields, and all come in the order that they had", async () => {
  assert.equal(await namesOf(""), "bca");
  assert.equal(await namesOf("place=shop"), "ba");
  assert.equal(await namesOf("place=shop&alive=true"), "a");
  assert.equal(await namesOf("place=none"), "");
});

test("a selector looks at the fields that hold one value, and at labels", async () => {
  const selected = (selector: string) => namesOf(`labelSelector=${encodeURIComponent(selector)}`);
  assert.equal(await selected("tier=gold"), "bc");
  assert.equal(await selected("!tier"), "a");
  assert.equal(await selected("alive=false"), "b");
  assert.equal(await selected("restarts!=0,place=bank"), "c");
  // A field goes before a label of its name, and what holds more than one value is no label.
  assert.equal(await selected("name=hidden"), "");
  assert.equal(await selected("load"), "");
});

test("pages are of what was asked for, and follow each other", async () => {
  const first = (await get("limit=1&labelSelector=tier", view, rows)).body;
  assert.deepEqual(first.rows.map(({ name }) => name), ["c"]);
  const second = (await get(`limit=1&labelSelector=tier&continue=${String(first["continue"])}`, view, rows)).body;
  assert.deepEqual([second.rows.map(({ name }) => name), Object.keys(second)], [["b"], ["rows"]]);
});

test("what cannot be is a problem that names the parameter and what it may be", async () => {
  const check = async (query: string, title: string, detail: string) => {
    const { status, body } = await get(query, view, rows);
    assert.deepEqual([status, body["title"], body["detail"]], [400, title, detail]);
  };
  const known = "place, alive, labelSelector, limit, continue";
  await check("plaec=shop", "Bad filter", `unknown parameter "plaec"; there are ${known}`);
  await check("toString=1", "Bad filter", `unknown parameter "toString"; there are ${known}`);
  await check("place=", "Bad filter", "place must not be empty");
  await check("alive=yes", "Bad filter", 'alive "yes" must be one of true, false');
  await check("limit=x", "Bad page", 'limit "x" must be a number from 1 to 10000');
  await check("continue=x", "Bad page", 'continue "x" must be what the page before gave');
  const forms = "label=value, label!=value, label or !label";
  await check("labelSelector=%3D", "Bad selector", `labelSelector "=" must be ${forms}`);
});

test("exporters and services are named by their id, guards by their namespace", async () => {
  const live = (id: string, version: string) => ({
    ...recordOf("exporter", id, { version }),
    leaseMs: 1,
    renewedAtMs: 1,
  });
  const exporters = [live("two", "2"), live("one", "1"), live("three", "2")];
  const ids = async (query: string) => {
    const { body } = await get(query, exporterView, exporters);
    return (body["exporters"] as { id: string }[]).map(({ id }) => id);
  };
  assert.deepEqual(await ids("labelSelector=version%3D2&limit=1"), ["three"]);
  const hold = (namespace: string) => ({
    clusterId: "c1",
    namespace,
    reason: "",
    targetsBefore: 30,
    targetsAfter: 0,
    metricsGone: [],
    hash: "abc",
    confirmed: "",
    confirmedBy: "",
  });
  const guards = [hold("shop"), hold("bank")];
  const { body } = await get("cluster=c1&namespace=bank", guardView, guards);
  assert.deepEqual(body["guards"], [guards[1]]);
});
