import { spawn } from "node:child_process";

export interface ProgramOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Ends the program with SIGKILL. */
  signal?: AbortSignal | undefined;
  /** How long the program may take. A program that takes longer is ended with SIGKILL and has failed. */
  timeoutMs: number;
}

/** How a program ended. `failed` covers a missing program, a status other than 0, and a program that took too long. */
export type ProgramResult =
  | { outcome: "ok"; stdout: string }
  /** `reason`: its last lines, or how it ended. */
  | { outcome: "failed"; reason: string; stderr: string };

/** Runs a program to its end, without a shell. Rejects only when `signal` is aborted, with its reason. */
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
      resolve({ outcome: "failed", reason, stderr });
    });
    child.once("close", (status, killedBy) => {
      if (status === 0) return resolve({ outcome: "ok", stdout });
      const ending = killedBy === null ? `ended with status ${status}` : `was ended by ${killedBy}`;
      const said = lastLines(stderr || stdout);
      resolve({ outcome: "failed", reason: said === "" ? ending : said, stderr });
    });
  });
  signal?.throwIfAborted();
  return result;
}

/** The last lines of a program's output, as one line. */
export function lastLines(text: string, count = 3): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return lines.slice(-count).join("; ");
}
