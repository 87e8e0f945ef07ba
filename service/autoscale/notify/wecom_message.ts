import { Buffer } from "node:buffer";
import type { Message } from "./notifier.ts";

/** Limits of the robot's API (compare docs/autoscaling.md): in UTF-8 bytes, and in characters. */
export const markdownBytesMax = 4096;
const titleLengthMax = 26;
const descriptionLengthMax = 30;
const subTitleLengthMax = 112;
const valueLengthMax = 26;
const contentsMax = 6;

const cutMark = "…";

/**
 * A message of markdown. The title comes first and the links last, so that they are there whatever has to be cut in
 * between.
 */
export function wecomMarkdown({ title, lines, links }: Message) {
  const head = `**${escaped(title)}**\n`;
  const tail = links === null ? "" : `\n[Approve](${links.approve}) or [reject](${links.reject})`;
  const room = markdownBytesMax - Buffer.byteLength(head) - Buffer.byteLength(tail);
  const content = head + cutToBytes(lines.map((line) => `> ${escaped(line)}`).join("\n"), room) + tail;
  return { msgtype: "markdown", markdown: { content: cutToBytes(content, markdownBytesMax) } };
}

/** A card of type text_notice. A click on it opens the page that approves, which still asks. */
export function wecomCard({ title, lines, links, approval }: Message) {
  const { plan, clusterId, namespace, state, hash, expiresAtMs } = approval;
  const contents = [
    { keyname: "Cluster", value: clusterId },
    { keyname: "Space", value: namespace },
    { keyname: "Change", value: `${plan.from} → ${plan.to}` },
    { keyname: "Moves", value: `${plan.moveCount}` },
    { keyname: "Until", value: new Date(expiresAtMs).toISOString().slice(0, 16) },
    { keyname: "Plan", value: hash.slice(0, 12) },
  ];
  const jumps = links === null ? [] : [
    { type: 1, url: links.approve, title: "Approve" },
    { type: 1, url: links.reject, title: "Reject" },
  ];
  return {
    msgtype: "template_card",
    template_card: {
      card_type: "text_notice",
      main_title: {
        title: cutToLength(`${plan.from} → ${plan.to} collectors: ${state}`, titleLengthMax),
        desc: cutToLength(`${clusterId}/${namespace}`, descriptionLengthMax),
      },
      sub_title_text: cutToLength(lines[0] ?? title, subTitleLengthMax),
      horizontal_content_list: contents.slice(0, contentsMax).map(({ keyname, value }) => ({
        keyname,
        value: cutToLength(value, valueLengthMax),
      })),
      jump_list: jumps,
      // The API asks for an action; without links there is nothing to open but the product's own help.
      card_action: { type: 1, url: links?.approve ?? "https://work.weixin.qq.com" },
    },
  };
}

/** The text, cut between two characters so that it has no more bytes. */
export function cutToBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  let bytes = Buffer.byteLength(cutMark);
  let kept = "";
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    kept += character;
  }
  return bytesMax < Buffer.byteLength(cutMark) ? "" : kept + cutMark;
}

/** Names and errors from outside format nothing and make no links. */
function escaped(text: string): string {
  return text.replace(/[\\`*_[\]<>#]/g, "\\$&").replace(/\s+/g, " ");
}

function cutToLength(text: string, lengthMax: number): string {
  const characters = Array.from(text);
  return characters.length <= lengthMax ? text : characters.slice(0, lengthMax - 1).join("") + cutMark;
}
