/** A debugger: a client of the Chrome DevTools Protocol. */
import { SourceMap } from "node:module";
import { WebSocket } from "ws";
import { eventually } from "../../test/harness/eventually.ts";

export interface ProtocolEvent {
  method: string;
  // The fields differ by method.
  params: Record<string, never>;
}

export interface Debugger extends AsyncDisposable {
  /** Resolves with the result of a method; rejects with V8's error. */
  send(method: string, params?: object): Promise<Record<string, never>>;
  /** The first matching event of a method that was not returned before. */
  event(method: string, fits?: (params: never) => boolean): Promise<Record<string, never>>;
  /** Closed by the other side, or by this one: with the code. */
  readonly closed: Promise<number>;
  close(): void;
}

export async function attachDebugger(url: string, headers: Record<string, string> = {}): Promise<Debugger> {
  const socket = new WebSocket(url, { headers });
  const answers = new Map<number, PromiseWithResolvers<Record<string, never>>>();
  const events: ProtocolEvent[] = [];
  let nextId = 1;
  socket.on("message", (data) => {
    const { id, error, result, ...event } = JSON.parse(String(data));
    if (id === undefined) return void events.push(event);
    if (error === undefined) answers.get(id)?.resolve(result);
    else answers.get(id)?.reject(new Error(error.message));
    answers.delete(id);
  });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return {
    closed,
    send(method, params = {}) {
      const id = nextId++;
      const answer = Promise.withResolvers<Record<string, never>>();
      answers.set(id, answer);
      socket.send(JSON.stringify({ id, method, params }));
      return answer.promise;
    },
    event: (method, fits = () => true) =>
      eventually(() => {
        const index = events.findIndex((event) => event.method === method && fits(event.params as never));
        const [found] = index === -1 ? [] : events.splice(index, 1);
        if (found === undefined) throw new Error(`no ${method} among ${events.map((event) => event.method)}`);
        return found.params;
      }),
    close: () => socket.close(),
    async [Symbol.asyncDispose]() {
      socket.close();
      await closed;
    },
  };
}

/** A script's source map, out of the URL that V8 was said to have. */
export function readSourceMap(url: string): SourceMap {
  const [, base64 = ""] = url.split("base64,");
  return new SourceMap(JSON.parse(Buffer.from(base64, "base64").toString()));
}

/** More than the lines and columns of a test's bundle. */
const LAST_LINE = 100;
const LAST_COLUMN = 120;

/** The place in a script that a place in a source became; as debuggers find it. 0-based. */
export function placeInScript(map: SourceMap, source: RegExp, line: number) {
  for (let lineNumber = 0; lineNumber <= LAST_LINE; lineNumber++) {
    for (let columnNumber = 0; columnNumber <= LAST_COLUMN; columnNumber++) {
      const entry = map.findEntry(lineNumber, columnNumber);
      if ("originalSource" in entry && source.test(entry.originalSource) && entry.originalLine === line)
        return { lineNumber, columnNumber, source: entry.originalSource };
    }
  }
  throw new Error(`${source} has no line ${line}`);
}
