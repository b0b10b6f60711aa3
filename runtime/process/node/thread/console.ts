/** The console of a function in Node: each call is a line of the log, with the level of its method and the request that it ran for. */
import { Console } from "node:console";
import { Writable } from "node:stream";

type Write = (level: string, text: string) => void;

const LEVELS: Readonly<Record<string, string>> = {
  debug: "debug",
  trace: "debug",
  info: "info",
  log: "info",
  warn: "warn",
  error: "error",
  assert: "error",
};

/** Makes `console`, and the standard output of the process, write into the log. */
export function useConsole(write: Write): void {
  let level: string | undefined;
  const sink = (fallback: string) =>
    new Writable({
      decodeStrings: false,
      write(chunk, _encoding, done) {
        write(level ?? fallback, String(chunk).replace(/\n$/, ""));
        done();
      },
    });
  const stdout = sink("info");
  const stderr = sink("error");
  const own = new Console({ stdout, stderr, colorMode: false }) as unknown as Record<string, unknown>;
  const target = console as unknown as Record<string, unknown>;
  for (const [name, method] of Object.entries(own)) {
    if (typeof method !== "function") continue;
    target[name] = (...values: unknown[]) => {
      const before = level;
      level = LEVELS[name];
      try {
        return Reflect.apply(method, own, values);
      } finally {
        level = before;
      }
    };
  }
  for (const [stream, fallback] of [
    [process.stdout, "info"],
    [process.stderr, "error"],
  ] as const) {
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
      write(fallback, (typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()).replace(/\n$/, ""));
      const done = rest.find((value) => typeof value === "function");
      if (done !== undefined) queueMicrotask(done as () => void);
      return true;
    }) as typeof stream.write;
  }
}
