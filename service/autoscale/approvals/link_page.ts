import { createHash } from "node:crypto";
import { planLines, titleOf } from "../notify/message.ts";
import type { Approval } from "./approval.ts";
import type { LinkAction } from "./links.ts";

const style = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem; color: #1b1f24 }
li { overflow-wrap: anywhere }
input, button { font: inherit; padding: .4rem .8rem; margin: .3rem .3rem .3rem 0 }
table { border-collapse: collapse } td, th { padding: .1rem 1rem .1rem 0; text-align: left }
`;

/** Longest name that somebody gives on the page. */
export const nameLengthMax = 80;

/**
 * What a link's page may do in a browser: send its own form. Nothing is loaded from anywhere, it is in no frame and in
 * no cache, and the link is told to nobody as a referrer.
 */
export const linkPageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex, nofollow",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/**
 * Asks whether the plan is to be approved, or rejected: programs that look at a link before a person does only see
 * this page, and decide nothing.
 */
export function confirmationPage(action: LinkAction, approval: Approval): string {
  const items = planLines(approval).map((line) => `<li>${escapeHtml(line)}</li>`).join("");
  const verb = action === "approve" ? "Approve" : "Reject";
  return page(
    `${verb} this plan?`,
    `<p>${escapeHtml(titleOf(approval))}</p><ul>${items}</ul>
<form method="post"><label>Your name, for the audit trail
<input name="name" maxlength="${nameLengthMax}" autocomplete="name"></label>
<button>${verb}</button></form>`,
  );
}

/** Says one thing, such as what came of a decision. */
export function wordPage(title: string, text: string): string {
  return page(title, `<p>${escapeHtml(text)}</p>`);
}

function page(title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>${style}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${body}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
