/** The benchmark's functions by `node:http` alone: hello, a download in chunks, an upload that is counted. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const CHUNK_BYTES = 64 * 1024;

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  if (pathname !== "/transfer") return hello(response);
  const done =
    request.method === "POST"
      ? receive(request, response)
      : send(response, Number(searchParams.get("bytes")));
  done.catch((error: unknown) => response.destroy(error as Error));
});

function hello(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/plain;charset=UTF-8", "Content-Length": 13 });
  response.end("Hello, world!");
}

async function send(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { "Content-Type": "application/octet-stream" });
  await pipeline(Readable.from(chunks(bytes)), response);
}

function* chunks(bytes: number): Generator<Uint8Array> {
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) yield new Uint8Array(Math.min(CHUNK_BYTES, left));
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).byteLength;
  response.end(String(bytes));
}

server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
