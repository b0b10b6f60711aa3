import { runProgram } from "../machine/index.ts";
import { isRecentServer } from "../nats/index.ts";

/** The result of checking a file that should be a nats-server. */
export type ServerCheck =
  | { outcome: "usable"; version: string }
  | { outcome: "too-old"; version: string }
  | { outcome: "unusable"; reason: string };

const VERSION_TIMEOUT_MS = 10_000;

/** Asks a binary for its version. Rejects only when `signal` is aborted. */
export async function checkServer(path: string, signal?: AbortSignal): Promise<ServerCheck> {
  const result = await runProgram(path, ["--version"], { signal, timeoutMs: VERSION_TIMEOUT_MS });
  if (result.outcome === "failed") return { outcome: "unusable", reason: result.reason };
  const version = parseServerVersion(result.stdout);
  if (version === undefined) return { outcome: "unusable", reason: "it does not tell its version" };
  return { outcome: isRecentServer(version) ? "usable" : "too-old", version };
}

/** The version in the output of `nats-server --version`: `nats-server: v2.14.0`. */
export function parseServerVersion(text: string): string | undefined {
  return /\bv?(\d+\.\d+\.\d+\S*)/.exec(text)?.[1];
}
