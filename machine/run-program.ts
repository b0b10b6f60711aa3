import { spawn } from "node:child_process";

export interface ProgramOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Ends the program with SIGKILL. */
  signal?: AbortSignal | undefined;
  /** After so long the program is ended and counts as failed. */
  timeoutMs: number;
}

/** How a program ended. `failed` covers one that is not there, has a status other than 0, or took too long. */
export type ProgramResult = { outcome: "ok"; stdout: string } | { outcome: "failed"; reason: string };

/** Runs a program to its end, without a shell. Rejects only where `signal` was aborted, with its reason. */
export async function runProgram(
  file: string,
  args: readonly string[],
  { cwd, env, signal, timeoutMs }: ProgramOptions,
): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(timeoutMs);
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "pipe"],
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    killSignal: "SIGKILL",
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const result = await new Promise<ProgramResult>((resolve) => {
    child.once("error", (error) => {
      const reason = limit.aborted ? `took longer than ${timeoutMs / 1_000} s` : error.message;
      resolve({ outcome: "failed", reason });
    });
    child.once("close", (status, killedBy) => {
      if (status === 0) return resolve({ outcome: "ok", stdout });
      const ending = killedBy === null ? `ended with status ${status}` : `was ended by ${killedBy}`;
      const said = lastLines(stderr || stdout);
      resolve({ outcome: "failed", reason: said === "" ? ending : said });
    });
  });
  signal?.throwIfAborted();
  return result;
}

/** The last lines of what a program said, as one line. */
export function lastLines(text: string, count = 3): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return lines.slice(-count).join("; ");
}
