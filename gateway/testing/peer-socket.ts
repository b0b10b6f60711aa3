import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createHeaders,
  decodeReply,
  encodeRequest,
  headerNames,
  linesOf,
  readRequestHead,
  requestFlags,
  type SocketAddress,
  setTimeLeft,
} from "../../contracts/index.ts";
import { type LocalRequest, listenLocal } from "../../local/index.ts";
import type { Message, Nats } from "../../nats/index.ts";

/** The socket of a peer node's host process. */
export interface PeerSocket extends AsyncDisposable {
  /** Requests with the returned address go to `take`, until the returned function is called. */
  register(take: (message: Message) => void): { address: SocketAddress; unregister: () => void };
}

export async function openPeerSocket(nats: Nats): Promise<PeerSocket> {
  const machine = crypto.randomUUID().replaceAll("-", "");
  const folder = await mkdtemp(join(tmpdir(), "narun-"));
  const path = join(folder, "s");
  const server = await listenLocal({ path, machine, world: nats.world.id, warn: () => undefined });
  let numbers = 0;
  return {
    register(take) {
      const address = { machine, path, number: numbers++ };
      const unregister = server.register(address.number, (request) => take(messageOf(nats, request)));
      return { address, unregister };
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The request as its message over NATS would be. */
function messageOf(nats: Nats, request: LocalRequest): Message {
  const head = readRequestHead(request.head);
  if (head === undefined) throw new Error("the head of a request has too few lines");
  const headers = encodeRequest({ ...head, fields: linesOf(head.block) }, {}) ?? createHeaders();
  setTimeLeft(headers, performance.now() + request.timeoutMs);
  headers.set(headerNames.remoteAddress, [head.remoteAddress]);
  if ((request.flags & requestFlags.upgrade) !== 0) headers.set(headerNames.upgrade, ["websocket"]);
  const { body = "" } = request;
  const data = typeof body === "string" ? Buffer.from(body) : body;
  return {
    subject: "",
    data,
    headers,
    isReadable: true,
    reply: request.id,
    status: 0,
    text: () => Buffer.from(data).toString(),
    respond(answer, answerHeaders = createHeaders()) {
      const bytes = typeof answer === "string" ? Buffer.from(answer) : answer;
      const reply = decodeReply(
        { headers: answerHeaders, data: bytes },
        { names: "lower", omitted: new Set() },
      );
      const isSent =
        reply.kind === "response"
          ? request.respond(reply.status, reply.fields.map((line) => `${line}\n`).join(""), bytes)
          : request.fail(reply.kind === "failed" ? reply.code : "SERVICE_ERROR");
      if (!isSent) nats.publish(request.id, bytes, answerHeaders);
    },
  };
}
