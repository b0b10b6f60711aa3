import { request as httpRequest } from "node:http";
import type { Random } from "../soak/random.ts";
import type { Clock } from "./clock.ts";
import { HONEST } from "./strict-replies.ts";

/** Upper bound of the seconds before an answer's head: the gateway's deadline, and some for a busy machine. */
const HEAD_TICKS = 6;

/**
 * Sends a request that a lying host may get. Its end is an answer, or the end of its connection. Rejects where the answer is the
 * honest host's to another request, or no HTTP, or comes too late.
 */
export async function askAnyHost(url: string, id: string, random: Random, clock: Clock): Promise<void> {
  const method = random.pick(["GET", "POST", "HEAD"]);
  const headers = random.between(0, 9) === 0 ? UPGRADE : {};
  const startTicks = clock.ranTicks;
  const over = Promise.withResolvers<string>();
  const look = () => {
    const waited = clock.ranTicks - startTicks;
    if (waited > HEAD_TICKS) over.reject(new Error(`request ${id} waited for ${waited} s (${clock.state})`));
  };
  const options = { method, headers, agent: false, signal: clock.limit, maxHeaderSize: 100_000 };
  const request = httpRequest(`${url}?${id}`, options);
  request.on("response", (response) => {
    look();
    let text = "";
    response.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
    response.on("close", () => over.resolve(text));
    response.on("error", () => undefined);
  });
  request.on("upgrade", (_response, socket) => {
    look();
    socket.on("error", () => undefined);
    socket.on("close", () => over.resolve(""));
    socket.resume();
  });
  request.on("error", (error: NodeJS.ErrnoException) => {
    look();
    if (error.code?.startsWith("HPE_") === true)
      over.reject(new Error(`request ${id} got no HTTP: ${error.message}`));
    else over.resolve("");
  });
  if (method === "POST" && random.between(0, 3) === 0)
    request.write("the beginning ".repeat(random.between(1, 9_000)));
  request.end(method === "POST" ? "a body" : undefined);
  const text = await over.promise;
  request.destroy();
  if (clock.limit.aborted) throw new Error(`request ${id} did not end (${clock.state})`);
  if (text.includes(HONEST) && text !== `${HONEST} ${id}`)
    throw new Error(`request ${id} got the answer of another: ${text.slice(0, 200)}`);
}

const UPGRADE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
  "Sec-WebSocket-Version": "13",
};
