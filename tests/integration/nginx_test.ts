/** A target behind a real nginx that asks for a client certificate and a password; none of the secrets shows anywhere. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { freePorts, getJson, needs, type Program, startProgram } from "../support/programs.ts";
import { applicationYaml, metricYaml, type SmallSystem, startSmallSystem } from "../support/small_system.ts";
import { waitFor } from "../support/wait.ts";

interface TargetRow {
  readonly metric: string;
  readonly health: string;
  readonly error: string;
}

const canary = "canary-password-7d31";
const password = `${canary} ü`;

const spec = (more = "") =>
  `  scheme: https
  tls: { ca: "file:ca.pem", certificate: "file:client.pem", key: "file:client.key" }
${more}`;
const withPassword = spec('  auth: { basic: { username: scraper, password: "file:password" } }\n');

suite("nginx with mutual TLS and basic auth", needs("nginx"), () => {
  const ca = makeCa();
  const client = ca.issue({ names: ["collector"], client: true });
  let folder = "";
  let nginx: Program;
  let system: SmallSystem;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-nginx-"));
    const port = await freePorts(2);
    nginx = await startNginx(folder, port);
    const secrets = join(folder, "secrets");
    await mkdir(join(secrets, "TEST", "shop"), { recursive: true });
    const files = { "ca.pem": ca.cert, "client.pem": client.cert, "client.key": client.key, password };
    for (const [name, text] of Object.entries(files)) await writeFile(join(secrets, "TEST", "shop", name), text);
    system = await startSmallSystem({ service: { secrets } });
    const metrics = { good: withPassword, locked: spec(), missing: withPassword.replace("file:password", "file:none") };
    for (const [name, text] of Object.entries(metrics)) {
      await system.writeDocument(`TEST/metric/shop/${name}.yaml`, metricYaml(name, text));
      await system.writeDocument(`TEST/application/shop/${name}.yaml`, applicationYaml(name, [port + 1]));
    }
  });

  after(async () => {
    await system?.stop();
    await nginx?.stop();
    await rm(folder, { recursive: true });
  });

  async function startNginx(prefix: string, port: number): Promise<Program> {
    const server = ca.issue({ ips: ["127.0.0.1"] });
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    const conf = `daemon off; master_process off; pid ${prefix}/pid; error_log stderr;
events {}
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${prefix}/${name};`).join(" ")}
  server { listen 127.0.0.1:${port}; location / { return 200 "ok"; } }
  server {
    listen 127.0.0.1:${port + 1} ssl;
    ssl_certificate ${prefix}/server.pem;
    ssl_certificate_key ${prefix}/server.key;
    ssl_client_certificate ${prefix}/ca.pem;
    ssl_verify_client on;
    gzip on; gzip_min_length 1; gzip_types text/plain;
    location /metrics {
      auth_basic metrics;
      auth_basic_user_file ${prefix}/users;
      default_type text/plain;
      root ${prefix}/root;
    }
  }
}
`;
    await mkdir(join(prefix, "root"));
    const files = {
      "nginx.conf": conf,
      "server.pem": server.cert,
      "server.key": server.key,
      "ca.pem": ca.cert,
      "users": `scraper:{PLAIN}${password}\n`,
      "root/metrics": "temperature 20\n",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(prefix, name), text);
    return await startProgram("nginx", ["-p", prefix, "-c", join(prefix, "nginx.conf")], port, "/");
  }

  async function targetsWith(health: string): Promise<Record<string, string>> {
    const { targets } = await getJson(`${system.serviceUrl}/v1/targets?health=${health}`) as { targets: TargetRow[] };
    return Object.fromEntries(targets.map(({ metric, error }) => [metric, error]));
  }

  test("a target is scraped with certificate and password, and its neighbours say what they lack", async () => {
    await waitFor("the good target", 30_000, async () => "good" in await targetsWith("up") || null);
    const down = await waitFor("the others", 10_000, async () => {
      const rows = await targetsWith("down");
      return Object.keys(rows).length === 2 ? rows : null;
    });
    assert.deepEqual(down, {
      locked: "HTTP 401",
      missing: 'Cannot use secret "file:none": there is no such file among the secrets of its namespace',
    });
  });

  test("a trial at the service works with the same secrets", async () => {
    const url = `${system.serviceUrl}/v1/clusters/TEST/namespaces/shop/metrics/good/trial`;
    const answer = await fetch(url, { method: "POST", signal: AbortSignal.timeout(10_000) });
    const text = await answer.text();
    assert.match(text, /"ok":true/, text);
    assert.match(text, /"temperature"/);
    assert.ok(!text.includes(canary));
  });

  test("no secret is in a log, an answer, the volume or what is exported", async () => {
    const keyLine = client.key.split("\n")[1] ?? "";
    const encoded = Buffer.from(`scraper:${password}`).toString("base64");
    const needles = [canary, keyLine, encoded];
    const shows = (where: string, text: string) => {
      for (const needle of needles) assert.ok(!text.includes(needle), `${where} shows a secret`);
    };
    let files = 0;
    for (const entry of await readdir(system.folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      shows(path, await readFile(path, "latin1").catch(() => ""));
      files++;
    }
    assert.ok(files > 5, "logs, volume and exported files were looked at");
    for (const path of ["/v1/targets", "/v1/explain?metric=good", "/v1/collectors", "/v1/status", "/metrics"]) {
      const answer = await fetch(system.serviceUrl + path, { signal: AbortSignal.timeout(10_000) });
      shows(path, await answer.text());
    }
  });
});
