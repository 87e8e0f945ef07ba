import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { OptionError, readOptions } from "../options.ts";
import { systemEnv } from "../runtime/system_env.ts";
import { makeLogger } from "../telemetry/log.ts";
import { accessEnvironment, accessOf, accessOptions, variableOption } from "./access_options.ts";

const definition = { name: "test", summary: "", options: { ...accessOptions, ...variableOption } };
const place = { cluster: "c1", namespace: "shop" };

async function accessFrom(argv: string[], environment: Record<string, string> = {}, at = place) {
  const { values } = await readOptions(definition, argv, environment);
  return accessOf(values, at, { env: systemEnv, environment, log: makeLogger("test", "silent") });
}

test("lists of networks and proxies come from flags and environment", async () => {
  const access = await accessFrom(["--allow-targets", "10.0.0.0/8, ::1", "--allow-proxies", "http://proxy:3128/"], {
    BCS_METRIC_DENY_TARGETS: "10.9.0.0/16",
  });
  assert.equal(access.addresses.problem("10.1.1.1"), null);
  assert.equal(access.addresses.problem("::1"), null);
  assert.notEqual(access.addresses.problem("10.9.1.1"), null);
  assert.notEqual(access.addresses.problem("11.0.0.1"), null);
  assert.deepEqual([...access.proxies], ["http://proxy:3128"]);
  assert.equal(access.allowsInsecureTls, false);
});

test("another process gets the same by its environment", async () => {
  const argv = ["--allow-targets", "10.0.0.0/8,::1", "--allow-insecure-tls", "--secrets", "/s"];
  const { values } = await readOptions(definition, argv, {});
  const again = await readOptions(definition, [], accessEnvironment(values));
  assert.deepEqual(again.values, { ...values, secretEnv: [] });
});

test("what is wrong in a list is named", async () => {
  const check = (argv: string[], message: RegExp) =>
    assert.rejects(
      readOptions(definition, argv, {}),
      (error) => error instanceof OptionError && message.test(error.message),
    );
  await check(["--allow-targets", "10.0.0.0/8,shop"], /Cannot read network "shop"/);
  await check(["--allow-proxies", "https://proxy:1"], /"https:\/\/proxy:1" is no URL such as http:\/\/HOST:PORT/);
  await check(["--secret-env", "A-B"], /"A-B" begins no variable's name/);
});

test("a namespace has its own folder of secrets, and no other", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-access-"));
  try {
    for (const namespace of ["shop", "bank"]) {
      await mkdir(join(folder, "c1", namespace), { recursive: true });
      await writeFile(join(folder, "c1", namespace, "token"), `of ${namespace}`);
    }
    const shop = await accessFrom(["--secrets", folder]);
    assert.equal((await shop.secrets.read("file:token")).reveal(), "of shop");
    await assert.rejects(shop.secrets.read("file:../bank/token"), /no such name can be/);
    const bank = await accessFrom(["--secrets", folder], {}, { ...place, namespace: "bank" });
    assert.equal((await bank.secrets.read("file:token")).reveal(), "of bank");
    const variables = { SCRAPE_TOKEN: "t", PATH_TOKEN: "canary" };
    const access = await accessFrom(["--secret-env", "SCRAPE_"], variables);
    assert.equal((await access.secrets.read("env:SCRAPE_TOKEN")).reveal(), "t");
    await assert.rejects(access.secrets.read("env:PATH_TOKEN"), /no variable of this name/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
