import { html, raw } from "hono/html";
import type { ApiDescription, Operation } from "./openapi.ts";

type Html = ReturnType<typeof html>;

const style = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24 }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid #d0d7de; text-transform: capitalize }
details { border: 1px solid #d0d7de; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { overflow: auto; background: #f6f8fa; padding: .8rem; border-radius: 6px }
.method { display: inline-block; min-width: 4.5em; font-weight: 600 }
.GET { color: #0969da } .PUT { color: #9a6700 } .POST { color: #1a7f37 } .DELETE { color: #cf222e }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
.note { color: #57606a }
`;

/**
 * The API's description as one page: no script, nothing from elsewhere, so that it works without a network and can do
 * nothing with what it shows.
 */
export function apiPage(api: ApiDescription): Html {
  const sections = new Map<string, { method: string; path: string; operation: Operation }[]>();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const tag = operation.tags?.[0] ?? "other";
      sections.set(tag, [...sections.get(tag) ?? [], { method: method.toUpperCase(), path, operation }]);
    }
  }
  return html`<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${api.info.title}</title><style>${raw(style)}</style></head>
<body>
<h1>${api.info.title} <small class="note">${api.info.version}</small></h1>
<p>${api.info.description ?? ""} The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>
${[...sections].map(([tag, routes]) => html`<h2>${tag}</h2>${routes.map(route)}`)}
<h2>Schemas</h2>
${
    Object.entries(api.components.schemas).map(([name, schema]) =>
      html`<details id="${name}"><summary><b>${name}</b></summary><pre>${
        JSON.stringify(schema, null, 2)
      }</pre></details>`
    )
  }
</body>
</html>`;
}

/** What the page may do in a browser: nothing but show itself. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

function route({ method, path, operation }: { method: string; path: string; operation: Operation }): Html {
  const parameters = (operation.parameters ?? []).map((one) =>
    html`<tr><td><code>${one.name}</code></td><td class="note">${one.in}</td><td>${one.description ?? ""}</td></tr>`
  );
  const answers = Object.entries(operation.responses).map(([status, { description }]) =>
    html`<tr><td><code>${status}</code></td><td>${description ?? ""}</td></tr>`
  );
  const bodies = Object.keys(operation.requestBody?.content ?? {});
  return html`<details>
<summary><code><span class="method ${method}">${method}</span> ${path}</code> <span class="note">${
    operation.summary ?? ""
  }</span></summary>
${parameters.length === 0 ? "" : html`<table>${parameters}</table>`}
${bodies.length === 0 ? "" : html`<p>Body: ${bodies.join(", ")}</p>`}
<table>${answers}</table>
</details>
`;
}
