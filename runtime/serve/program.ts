/**
 * A program in a process group of its own, from its start to its end.
 *
 * I1  Its group is ended with it: nothing that it started, and left in the group, outlives it.
 * I2  It does not outlive this process, however this one ends (tie.ts).
 * I3  Its output is passed on unchanged, and given line by line.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, NarunError } from "../../contracts/index.ts";
import { sendSignal } from "../../machine/index.ts";
import { tieGroup } from "./tie.ts";

export interface ProgramOptions {
  command: readonly [string, ...string[]];
  env: Readonly<Record<string, string | undefined>>;
  onLine(stream: "stdout" | "stderr", line: string): void;
}

/** The end of a program. */
export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It was asked to end. */
  isStopped: boolean;
}

export interface Program {
  readonly pid: number;
  readonly ended: Promise<ProgramEnd>;
  /** SIGTERM to its group, and SIGKILL after the grace. Resolves when it has ended. */
  stop(options: { graceMs: number }): Promise<ProgramEnd>;
}

/** Starts a program. Error: PROGRAM_FAILED, where it cannot be started. */
export async function startProgram({ command, env, onLine }: ProgramOptions): Promise<Program> {
  const [file, ...args] = command;
  const child = spawn(file, args, { detached: true, env, stdio: ["inherit", "pipe", "pipe"] });
  const started = Promise.withResolvers<void>();
  child.once("spawn", started.resolve);
  child.once("error", started.reject);
  let isStopped = false;
  const exited = endOf(child, () => isStopped);
  passOn(child.stdout, process.stdout, (line) => onLine("stdout", line));
  passOn(child.stderr, process.stderr, (line) => onLine("stderr", line));
  await started.promise.catch((error: unknown) => {
    throw new NarunError("PROGRAM_FAILED", { detail: `${file}: ${messageOf(error)}` }, { cause: error });
  });
  const pid = child.pid ?? 0;
  const untie = tieGroup(pid);
  const ended = exited.then((end) => untie().then(() => end));
  return {
    pid,
    ended,
    async stop({ graceMs }) {
      isStopped = true;
      sendSignal(-pid, "SIGTERM");
      const timer = setTimeout(() => sendSignal(-pid, "SIGKILL"), graceMs);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
  };
}

/** The program has ended, and its group with it. Its output ends with its last process. */
async function endOf(child: ChildProcess, isStopped: () => boolean): Promise<ProgramEnd> {
  const end = await new Promise<ProgramEnd>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal, isStopped: isStopped() }));
  });
  if (child.pid !== undefined) sendSignal(-child.pid, "SIGKILL");
  return end;
}

/** Upper bound of a line's length. A longer one is given in pieces. */
const MAX_LINE_LENGTH = 64 * 1024;

function passOn(from: Readable | null, to: Writable, onLine: (line: string) => void): void {
  let rest = "";
  const decoder = new TextDecoder();
  from?.on("data", (chunk: Buffer) => {
    if (!to.write(chunk)) {
      from.pause();
      to.once("drain", () => from.resume());
    }
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE_LENGTH) {
      lines.push(rest);
      rest = "";
    }
    for (const line of lines) onLine(line.replace(/\r$/, ""));
  });
  from?.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}

const ASK_INTERVAL_MS = 25;

/**
 * Resolves with the host at which the program accepts connections on a port. Error: PROGRAM_FAILED, where it ends before, or
 * accepts none in time.
 */
export async function untilAccepting(program: Program, port: number, withinMs: number): Promise<string> {
  const limit = performance.now() + withinMs;
  const state: { end?: ProgramEnd } = {};
  void program.ended.then((end) => {
    state.end = end;
  });
  for (;;) {
    for (const host of ["127.0.0.1", "::1"]) if (await accepts(host, port)) return host;
    if (state.end !== undefined) {
      const detail = `it ended (${describeEnd(state.end)}) before it accepted a connection on port ${port}`;
      throw new NarunError("PROGRAM_FAILED", { detail });
    }
    if (performance.now() > limit) {
      const detail = `nothing accepts connections on port ${port} after ${withinMs} ms; the program has to listen on the port in its variable PORT, or --port has to name its own`;
      throw new NarunError("PROGRAM_FAILED", { detail });
    }
    await sleep(ASK_INTERVAL_MS);
  }
}

function describeEnd({ code, signal }: ProgramEnd): string {
  return signal === null ? `exit code ${code}` : signal;
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
