import { once } from "node:events";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { connectRaw } from "../../gateway/testing/raw-client.ts";
import { type Answer, readAnswers } from "./answers.ts";
import type { Expected, Script } from "./script.ts";

const LIMIT_MS = 20_000;

/** Plays a script against a gateway. Throws at any difference from the expected answers. */
export async function play(url: string, script: Script): Promise<void> {
  using client = await connectRaw(url);
  const { socket } = client;
  socket.on("error", () => undefined);
  const methods = script.expected.map(({ method }) => method);
  const isOver = Promise.withResolvers<void>();
  const limit = setTimeout(() => isOver.reject(new Error("the answers did not come in time")), LIMIT_MS);
  const look = (isEnded: boolean) => {
    try {
      const { answers, rest } = readAnswers(client.text, methods);
      compare(answers, script.expected);
      if (isEnded && (ending === "waits" || answers.length < script.expected.length || rest !== ""))
        throw new Error(`the connection ended early, with ${JSON.stringify(rest)}`);
      const isAnswered = answers.length === script.expected.length;
      if (isAnswered && (isEnded || ending === "waits")) isOver.resolve();
    } catch (error) {
      isOver.reject(error);
    }
  };
  const { ending } = script;
  const isLeaving = ending === "leaves" || ending === "resets";
  socket.on("data", () => look(false));
  client.ended.then(() => look(true), isOver.reject);
  try {
    const written = write(socket, script);
    // All earlier answers are right, or `isOver` has rejected.
    if (isLeaving) await Promise.race([written, isOver.promise]);
    else await Promise.all([written, isOver.promise, look(false)]);
    if (ending === "resets") socket.resetAndDestroy();
  } catch (error) {
    const came = JSON.stringify(client.text.slice(-1_000));
    throw new Error(`${error instanceof Error ? error.message : error}; so far came ${came}`, {
      cause: error,
    });
  } finally {
    clearTimeout(limit);
  }
}

/** Writes each piece separately, with a turn of the loop between, so that the gateway reads most of them apart. */
async function write(socket: Socket, { pieces, isHalfClosed }: Script): Promise<void> {
  socket.setNoDelay();
  for (const piece of pieces) {
    if (socket.destroyed) return;
    if (!socket.write(piece)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
    await turn();
  }
  if (isHalfClosed) socket.end();
}

function compare(answers: readonly Answer[], expected: readonly Expected[]): void {
  for (const [index, { status, head, body }] of answers.entries()) {
    const wanted = expected[index];
    if (wanted === undefined) throw new Error(`an answer too many: ${head}`);
    const isRight = wanted.statuses.includes(status) && (wanted.body === undefined || wanted.body === body);
    if (!isRight) throw new Error(`answer ${index} is ${status} ${body}, not ${JSON.stringify(wanted)}`);
    if (!/\r\nx-request-id: /i.test(head)) throw new Error(`answer ${index} has no id: ${head}`);
  }
}
