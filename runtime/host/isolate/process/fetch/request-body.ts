import { Readable } from "node:stream";
import type { IsolateStreams } from "../isolate-streams.ts";

/** Bytes that the isolate may send ahead of the connection. */
const WINDOW_BYTES = 256 * 1024;

/**
 * What the isolate sends under an id of its own, as a stream of Node's; undefined where the id is none. The isolate is
 * granted nothing before it is read, and hears of its end: whoever destroys it does not want the rest.
 */
export function readFromIsolate(streams: IsolateStreams, owner: number, id: unknown): Readable | undefined {
  /** Granted, and not here yet. */
  let underWay = 0;
  const outbound = streams.openOutbound(id, owner, {
    onChunk(bytes) {
      underWay -= bytes.byteLength;
      body.push(bytes);
    },
    onEnd(why) {
      if (why === undefined) body.push(null);
      else body.destroy(new RequestBodyBroke(why));
    },
  });
  const body = new Readable({
    highWaterMark: 64 * 1024,
    read() {
      const room = WINDOW_BYTES - underWay - body.readableLength;
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

/** The function's own stream failed: it knows why. */
class RequestBodyBroke extends Error {
  readonly code = "UND_ERR_REQUEST_BODY";
}
