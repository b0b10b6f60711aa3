import { Agent, type IncomingMessage, request } from "node:http";
import { messageOf } from "../../contracts/index.ts";
import { TIMEOUT_MS } from "./functions.ts";
import type { Outcome } from "./ledger.ts";

export interface Call {
  url: string;
  method: "GET" | "POST" | "PUT";
  id: string;
  body?: Buffer;
  /** Why the answer is wrong. Undefined for a right answer. */
  check(status: number, body: Buffer): string | undefined;
}

/** How long after the function's own limit an answer may arrive. A later one counts as a hang. */
const MARGIN_MS = 5_000;

/** Upper bound of a body that the gateway keeps until its request has begun. A longer body streams and cannot be sent again. */
const KEPT_BODY_BYTES = 64 * 1_024;

export interface HttpClient extends Disposable {
  send(call: Call): Promise<Outcome>;
}

/** Keep-alive connections, one for each open request. */
export function createHttpClient(): HttpClient {
  const agent = new Agent({ keepAlive: true });
  return { send: (call) => exchange(agent, call), [Symbol.dispose]: () => agent.destroy() };
}

function exchange(agent: Agent, { url, method, id, body, check }: Call): Promise<Outcome> {
  const isStreamed = (body?.length ?? 0) > KEPT_BODY_BYTES;
  return new Promise((resolve) => {
    const headers = { "x-soak-id": id, ...(body === undefined ? {} : { "content-length": body.length }) };
    const outgoing = request(url, { agent, method, headers });
    const fail = (code: string, began: boolean) => resolve({ kind: "failed", code, began });
    const limit = setTimeout(() => {
      resolve({ kind: "hung" });
      outgoing.destroy();
    }, TIMEOUT_MS + MARGIN_MS);
    outgoing.once("error", (error: NodeJS.ErrnoException) =>
      fail(error.code ?? messageOf(error), isStreamed),
    );
    outgoing.once("close", () => clearTimeout(limit));
    outgoing.once("response", (response) => {
      const status = response.statusCode ?? 0;
      bodyOf(response).then(
        (received) => resolve(outcomeOf(status, received, isStreamed, check)),
        () => fail("ANSWER_CUT", true),
      );
    });
    outgoing.end(body);
  });
}

function outcomeOf(status: number, body: Buffer, isStreamed: boolean, check: Call["check"]): Outcome {
  const code = status >= 400 ? problemCode(body) : undefined;
  if (code !== undefined) return { kind: "failed", status, code, began: isStreamed };
  const why = check(status, body);
  return why === undefined ? { kind: "right" } : { kind: "wrong", why };
}

function problemCode(body: Buffer): string | undefined {
  try {
    const { code } = JSON.parse(body.toString()) as { code?: string };
    return code;
  } catch {
    // The body is no problem document. The check judges it.
    return undefined;
  }
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks);
}
