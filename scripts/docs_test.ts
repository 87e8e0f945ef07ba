/** What README.md and docs/ say has to lead somewhere, and to leave nothing out. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { collectorCommand } from "../collector/main.ts";
import { type CommandDefinition, flagName, type OptionDefinitions } from "../core/options.ts";
import { exporterCommand } from "../exporter/options.ts";
import { serviceCommand } from "../service/options.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const guides = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`);
const pages = ["README.md", "ARCHITECTURE.md", "deploy/README.md", ...guides];
const texts = new Map(pages.map((path) => [path, readFileSync(join(root, path), "utf8")]));

interface Link {
  readonly from: string;
  /** Relative to the repository. */
  readonly path: string;
  /** "" for the whole page. */
  readonly anchor: string;
}

function linksOf(from: string): Link[] {
  const text = (texts.get(from) ?? "").replaceAll(/^```.*?^```$/gms, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = "", anchor = ""] = target.split("#");
      return { from, path: file === "" ? from : normalize(join(dirname(from), file)), anchor };
    });
}

function anchorsOf(text: string): Set<string> {
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => anchorOf(title)));
}

/** As the usual renderers of Markdown make it of a title. */
function anchorOf(title: string): string {
  return title.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

test("every link leads to a file and a section that are there", () => {
  for (const { from, path, anchor } of pages.flatMap(linksOf)) {
    assert.ok(existsSync(join(root, path)), `${from} links ${path}, which is not there`);
    if (anchor === "") continue;
    const page = texts.get(path);
    assert.ok(page !== undefined && anchorsOf(page).has(anchor), `${from} links ${path}#${anchor}, which is not there`);
  }
});

test("every guide is linked from the README", () => {
  const linked = new Set(linksOf("README.md").map(({ path }) => path));
  assert.deepEqual(guides.filter((guide) => !linked.has(guide)), []);
});

test("every option of every part stands in the docs", () => {
  const flags = (command: CommandDefinition<OptionDefinitions>) =>
    Object.keys(command.options).map((name) => `--${flagName(name)}`);
  const all = guides.map((guide) => texts.get(guide)).join("\n");
  const missing = [exporterCommand, collectorCommand, serviceCommand].flatMap((command) =>
    flags(command).filter((flag) => !new RegExp(`${flag}(?![\\w-])`).test(all)).map((flag) => `${command.name} ${flag}`)
  );
  assert.deepEqual(missing, []);
});

test("every command stands in the README", () => {
  const source = readFileSync(join(root, "cli/main.ts"), "utf8");
  const [table = ""] = /^const subcommands[^]*?^\};$/m.exec(source) ?? [];
  const commands = [...table.matchAll(/^ {2}"?([\w-]+)"?: \{$/gm)].map(([, name = ""]) => name);
  assert.ok(commands.includes("exporter"));
  const readme = texts.get("README.md") ?? "";
  assert.deepEqual(commands.filter((name) => !new RegExp(`\`${name}[\` ]`).test(readme)), []);
});
