import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface PushItem {
  readonly metrics: Readonly<Record<string, number>>;
  readonly target: string;
  readonly dimension: Readonly<Record<string, string>>;
  readonly timestamp: number;
}

export interface Push {
  readonly path: string;
  readonly bodyBytes: number;
  readonly contentType: string;
  readonly dataId: number;
  readonly token: string;
  readonly items: readonly PushItem[];
}

export interface PushAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** BlueKing's HTTP JSON ingestion on loopback, written from the documented protocol: it checks what is documented. */
export interface PushServer {
  readonly url: string;
  /** What it has taken. */
  readonly pushes: Push[];
  /** Every request, taken or not. */
  requests: number;
  /** Answers in place of its own judgement; null does not interfere. */
  fault: ((push: Push) => PushAnswer | null) | null;
  close(): Promise<void>;
}

export function envelope(code: number, message = ""): PushAnswer {
  const body = { code: String(code), result: String(code === 200), message };
  return { status: code, body: JSON.stringify(body) };
}

export async function startPushServer(token: string, port = 0): Promise<PushServer> {
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      const push = readPush(request.url ?? "", request.headers["content-type"] ?? "", Buffer.concat(chunks));
      started.requests++;
      const answer = started.fault?.(push) ?? judge(push, token);
      if (answer.status === 200 && answer.body.includes(`"200"`)) started.pushes.push(push);
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const started: PushServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/push/`,
    pushes: [],
    requests: 0,
    fault: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return started;
}

function readPush(path: string, contentType: string, body: Uint8Array): Push {
  const parsed = JSON.parse(new TextDecoder().decode(body)) as {
    data_id: number;
    access_token: string;
    data: readonly PushItem[];
  };
  const { data_id: dataId, access_token: token, data: items } = parsed;
  return { path, contentType, bodyBytes: body.length, dataId, token, items };
}

function judge(push: Push, token: string): PushAnswer {
  if (push.path !== "/v2/push/") return envelope(404, "no such path");
  if (push.token !== token) return envelope(401, `token ${push.token} is not valid`);
  if (push.bodyBytes > 500_000) return envelope(400, "body too large");
  const names = push.items.flatMap(({ metrics }) => Object.keys(metrics));
  if (!names.every((name) => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name))) return envelope(400, "bad metric name");
  if (push.items.some(({ timestamp }) => timestamp > Date.now() + 3_600_000)) return envelope(400, "bad timestamp");
  return envelope(200);
}
