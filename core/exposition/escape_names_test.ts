import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  escapeExposition,
  escapeLabelName,
  escapeMetricName,
  type EscapingScheme,
  unescapeName,
} from "./escape_names.ts";
import { parsePrometheusText } from "./prometheus_text.ts";
import { sampleLines, utf8 } from "./testing/texts.ts";

const schemes: readonly EscapingScheme[] = ["allow-utf-8", "underscores", "dots", "values"];

test("UTF-8 names are escaped as each scheme says", () => {
  const names: Record<string, readonly [underscores: string, dots: string, values: string]> = {
    "": ["", "", ""],
    "no:escaping_required": ["no:escaping_required", "no:escaping__required", "no:escaping_required"],
    "mysystem.prod.west.cpu.load": [
      "mysystem_prod_west_cpu_load",
      "mysystem_dot_prod_dot_west_dot_cpu_dot_load",
      "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load",
    ],
    "mysystem.prod.west.cpu.load_total": [
      "mysystem_prod_west_cpu_load_total",
      "mysystem_dot_prod_dot_west_dot_cpu_dot_load__total",
      "U__mysystem_2e_prod_2e_west_2e_cpu_2e_load__total",
    ],
    "http.status:sum": ["http_status:sum", "http_dot_status:sum", "U__http_2e_status:sum"],
    "label with 😱": ["label_with__", "label__with____", "U__label_20_with_20__1f631_"],
    "花火": ["__", "____", "U___82b1__706b_"],
    "1x2": ["_x2", "__x2", "U___31_x2"],
  };
  for (const [name, [underscores, dots, values]] of Object.entries(names)) {
    assert.equal(escapeMetricName(name, "allow-utf-8"), name);
    assert.equal(escapeMetricName(name, "underscores"), underscores, name);
    assert.equal(escapeMetricName(name, "dots"), dots, name);
    assert.equal(escapeMetricName(name, "values"), values, name);
  }
  assert.equal(escapeLabelName("a:b", "underscores"), "a_b");
  assert.equal(escapeLabelName("a:b", "values"), "U__a_3a_b");
});

const anyName = fc.oneof(
  fc.string({ unit: "binary", minLength: 1 }),
  fc.stringMatching(/^[a-zA-Z_:.][a-zA-Z0-9_:.]*$/),
);

test("an escaped name is legal, and legal names are unchanged by underscores and values", () => {
  fc.assert(
    fc.property(anyName, fc.constantFrom("underscores", "dots", "values"), (name, scheme: EscapingScheme) => {
      const escaped = escapeMetricName(name, scheme);
      assert.match(escaped, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/);
      assert.match(escapeLabelName(name, scheme), /^[a-zA-Z_][a-zA-Z0-9_]*$/);
      if (scheme !== "dots") assert.equal(escapeMetricName(escaped, scheme), escaped);
    }),
  );
});

test("values can be undone, and so can dots where only dots and underscores were escaped", () => {
  fc.assert(fc.property(anyName, (name) => {
    // A name that looks escaped already is not told from one that is.
    fc.pre(!name.startsWith("U__"));
    assert.equal(unescapeName(escapeMetricName(name, "values"), "values"), name);
  }));
  fc.assert(fc.property(fc.stringMatching(/^[a-z][a-z0-9.]*$/), (name) => {
    assert.equal(unescapeName(escapeMetricName(name, "dots"), "dots"), name);
  }));
  assert.equal(unescapeName("a__b", "underscores"), "a__b");
});

test("what is no escaped name comes back as it is", () => {
  for (const name of ["U__a_", "U___d800_", "U___110000_", "U___zz_", "U___2E_", "U___1234567_", "a_2e_b"]) {
    assert.equal(unescapeName(name, "values"), name);
  }
});

test("an exposition is escaped where it needs it, and no series gets a label twice", () => {
  const exposition = parsePrometheusText(utf8('{"a.b","l.m"="1",l_m="2","l/m"="3"} 1\nplain_name{x="y"} 2\n'));
  for (const scheme of schemes) {
    const once = escapeExposition(exposition, scheme);
    assert.deepEqual(escapeExposition(once, scheme), once, scheme);
    assert.equal(sampleLines(once)[1], 'plain_name{x="y"} 2');
  }
  assert.deepEqual(sampleLines(escapeExposition(exposition, "underscores"))[0], 'a_b{l_m="2"} 1');
  assert.deepEqual(
    sampleLines(escapeExposition(exposition, "values"))[0],
    'U__a_2e_b{U__l_2e_m="1",l_m="2",U__l_2f_m="3"} 1',
  );
  assert.equal(escapeExposition(exposition, "allow-utf-8"), exposition);
});
