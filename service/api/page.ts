import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const style = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1b1f24 }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid #d0d7de; text-transform: capitalize }
details { border: 1px solid #d0d7de; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
code, pre, textarea { font: 13px/1.5 ui-monospace, monospace }
pre { overflow: auto; max-height: 30rem; background: #f6f8fa; padding: .8rem; border-radius: 6px }
pre:empty { display: none }
textarea { display: block; width: 100%; margin: .5rem 0 }
.GET { color: #0969da } .PUT { color: #9a6700 } .POST { color: #1a7f37 } .DELETE { color: #cf222e }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .1rem 1rem .1rem 0; vertical-align: top }
`;

const script = readFileSync(new URL("./docs_page/docs_page.js", import.meta.url), "utf8");

/**
 * The page of `/docs`. It is the same for everybody and holds no data, so that it may be shown to anybody: its script
 * loads `/openapi.json` with the token that the user gives, which stays in the session storage of the tab.
 */
export const apiPage: string = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>bcs-metric API</title>
<style>${style}</style></head>
<body>
<h1>bcs-metric API</h1>
<form><label>Token <input id="token" type="password" autocomplete="off"></label> <button>Use</button></form>
<p id="state" role="status"></p>
<div id="routes"></div>
<noscript>This page needs JavaScript. /openapi.json has the same for programs.</noscript>
<script type="module">${script}</script>
</body>
</html>
`;

/**
 * What the page may do in a browser: run its own script, and ask its own service. Nothing from elsewhere is loaded,
 * and no text that comes from the service can become a script.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/** As a content security policy names a text between tags. */
function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
