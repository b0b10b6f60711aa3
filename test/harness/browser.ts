/** A real browser engine, driven over its debugging protocol by pipes: Debian's chromium-headless-shell, or `NARUN_TEST_CHROMIUM`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const PLACES = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome"];

/** The path of the engine; undefined where there is none. */
export const BROWSER: string | undefined = [process.env.NARUN_TEST_CHROMIUM ?? "", ...PLACES].find(
  existsSync,
);

export interface Page extends AsyncDisposable {
  /** The value of an expression in the page, its promise awaited. Rejects with the text of its error. */
  evaluate<T>(expression: string): Promise<T>;
  /** The errors of the page: exceptions, and refusals by its policy. */
  readonly faults: string[];
}

interface Answer {
  id?: number;
  method?: string;
  error?: { message: string };
  result?: Record<string, unknown>;
  params?: { entry?: { text: string; level: string }; exceptionDetails?: { text: string } };
}

/** Opens a page in a new engine. It ends with the page. */
export async function openPage(engine: string, url: string): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), "narun-browser-"));
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
  ];
  const child = spawn(engine, [...flags, `--user-data-dir=${profile}`], {
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
  });
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, (answer: Answer) => void>();
  const faults: string[] = [];
  let rest = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop() ?? "";
    for (const message of messages) {
      const answer = JSON.parse(message) as Answer;
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
      const { entry, exceptionDetails } = answer.params ?? {};
      if (entry?.level === "error") faults.push(entry.text);
      if (answer.method === "Runtime.exceptionThrown" && exceptionDetails !== undefined)
        faults.push(exceptionDetails.text);
    }
  });
  let sent = 0;
  const send = async (method: string, params: object = {}, sessionId?: string) => {
    const id = ++sent;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    waiting.set(id, resolve);
    input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { error, result = {} } = await promise;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  const session = String(sessionId);
  for (const domain of ["Runtime", "Log", "Page"]) await send(`${domain}.enable`, {}, session);
  await send("Page.navigate", { url }, session);
  return {
    faults,
    async evaluate<T>(expression: string) {
      const params = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = (await send("Runtime.evaluate", params, session)) as {
        result?: { value?: unknown; description?: string };
        exceptionDetails?: object;
      };
      if (exceptionDetails !== undefined) throw new Error(result?.description ?? "the page threw");
      return result?.value as T;
    },
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
