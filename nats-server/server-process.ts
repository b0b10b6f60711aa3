import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Logger } from "pino";
import { messageOf, NarunError } from "../contracts/index.ts";
import { lastLines } from "../machine/index.ts";
import { portsFileOf, waitUntilReady } from "./ready.ts";
import { isRoutine } from "./routine-lines.ts";

export interface ServerProcess {
  readonly pid: number;
  readonly port: number;
  /** Settles when the process is gone, with how it ended. */
  readonly ended: Promise<string>;
  /** Sends SIGTERM, and SIGKILL after `graceMs`. Resolves when the process is gone. */
  stop(graceMs: number): Promise<void>;
}

export interface ServerProcessOptions {
  binary: string;
  configFile: string;
  portsDir: string;
  log: Pick<Logger, "debug" | "warn">;
  /** Called with the pid as soon as there is one, before the server is ready. */
  onSpawn?: ((pid: number) => void) | undefined;
  /** Called with every line of the server's log. */
  onLine: (line: string) => void;
  signal: AbortSignal;
}

/** How long a start may take: a large store takes long to recover, and a server at work on it is not given up. */
const START_TIMEOUT_MS = 120_000;
/** How long a server that was given up may take to end. */
const START_FAILED_GRACE_MS = 1_000;

/**
 * How far Go lets the server's heap grow between two collections. A heap this small is collected so often by Go's default
 * (100) that bulk costs twice the CPU time; with this the server holds about 40 MB instead of 24 while bodies pass.
 */
const GC_PERCENT = "400";

/**
 * Starts one nats-server process and waits until it is ready. Errors: NATS_SERVER_FAILED with the server's last
 * lines.
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { binary, configFile, portsDir, onSpawn, signal } = options;
  const child = spawn(binary, ["-c", configFile], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { GOGC: GC_PERCENT, ...process.env },
    // The server has a process group of its own: a terminal's Ctrl-C is for narun, which needs the server while it
    // drains.
    detached: true,
  });
  const words = collectWords(child, options);
  const { pid } = child;
  if (pid === undefined) throw failed(await waitForEnd(child), words);
  const ended = waitForEnd(child).then(async (how) => {
    // A server that was killed leaves its file behind.
    await rm(portsFileOf(binary, pid, portsDir), { force: true });
    return how;
  });
  onSpawn?.(pid);
  const stop = async (graceMs: number) => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await ended;
    clearTimeout(timer);
  };

  const waiting = new AbortController();
  try {
    const limit = AbortSignal.any([signal, waiting.signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
    const port = await Promise.race([
      waitUntilReady(binary, pid, portsDir, limit),
      ended.then((how) => Promise.reject(failed(how, words))),
    ]);
    return { pid, port, ended, stop };
  } catch (error) {
    await stop(START_FAILED_GRACE_MS);
    signal.throwIfAborted();
    if (error instanceof NarunError) throw error;
    throw failed(`not ready after ${START_TIMEOUT_MS / 1_000} s`, words, error);
  } finally {
    waiting.abort();
  }
}

/** How many of the server's own lines an error shows. */
const LAST_WORDS = 5;
const LAST_WORDS_TIMEOUT_MS = 200;

/** Passes the server's lines on, and keeps the last ones. */
function collectWords(child: ChildProcess, { log, onLine }: ServerProcessOptions): string[] {
  const words: string[] = [];
  const startedAt = performance.now();
  if (child.stderr === null) return words;
  createInterface({ input: child.stderr }).on("line", (line) => {
    const text = line.replace(/^\[\d+\] \S+ \S+ /, "");
    if (text.trim() === "") return;
    onLine(text);
    words.push(text);
    if (words.length > LAST_WORDS) words.shift();
    // The look whether it is ready says nothing at its port.
    const isOwnLook = text.endsWith("TLS handshake error: EOF");
    const isNoise = isOwnLook || isRoutine(text, performance.now() - startedAt);
    if (/^\[(WRN|ERR|FTL)\]/.test(text) && !isNoise) log.warn({ nats: text }, "nats-server");
    else log.debug({ nats: text }, "nats-server");
  });
  return words;
}

function waitForEnd(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(messageOf(error)));
    child.once("exit", (status, signal) => {
      const how = signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
      // At `close` all last lines are there. A child of the server that keeps the pipe open delays `close` for ever.
      const limit = setTimeout(() => resolve(how), LAST_WORDS_TIMEOUT_MS);
      child.once("close", () => {
        clearTimeout(limit);
        resolve(how);
      });
    });
  });
}

function failed(how: string, words: readonly string[], cause?: unknown): NarunError {
  const said = lastLines(words.join("\n"), LAST_WORDS);
  return new NarunError("NATS_SERVER_FAILED", { detail: said === "" ? how : `${how}: ${said}` }, { cause });
}
