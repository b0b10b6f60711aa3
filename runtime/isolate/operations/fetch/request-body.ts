import { Readable } from "node:stream";
import { ByteQueue } from "../../../../contracts/index.ts";
import { WINDOW_BYTES } from "../../../../streams/index.ts";
import type { IsolateStreams } from "../../process/isolate-streams.ts";

/**
 * A stream that the isolate sends, as a stream of Node's; undefined where the id is no stream of the isolate. The isolate gets no
 * credit before the first read. Destroying the stream cancels the rest of it in the isolate.
 */
export function readFromIsolate(streams: IsolateStreams, owner: number, id: unknown): Readable | undefined {
  /** Bytes that were granted and have not come yet. */
  let underWay = 0;
  const waiting = new ByteQueue();
  let isWanted = false;
  let hasEnded = false;
  const give = () => {
    while (isWanted && waiting.byteLength > 0) isWanted = body.push(waiting.shift());
    if (!hasEnded || waiting.byteLength > 0) return;
    hasEnded = false;
    body.push(null);
  };
  const outbound = streams.openOutbound(id, owner, {
    onChunk(bytes) {
      underWay -= bytes.byteLength;
      waiting.push(bytes);
      give();
    },
    onEnd(why) {
      if (why !== undefined) return void body.destroy(new RequestBodyBroke(why));
      hasEnded = true;
      give();
    },
  });
  const body = new Readable({
    highWaterMark: 64 * 1024,
    read() {
      isWanted = true;
      give();
      const room = WINDOW_BYTES - underWay - waiting.byteLength - body.readableLength;
      if (underWay > 0 && room < WINDOW_BYTES / 2) return;
      underWay += room;
      outbound?.grant(room);
    },
    destroy(error, done) {
      outbound?.cancel();
      done(error);
    },
  });
  body.on("error", () => undefined);
  return outbound && body;
}

/** The function's own stream failed. The function has the reason itself. */
class RequestBodyBroke extends Error {
  readonly code = "UND_ERR_REQUEST_BODY";
}
