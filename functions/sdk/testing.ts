/** Functions as they will run, for tests: `narun up` on free ports, with data of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Functions that answer. To be closed, or declared by `await using`: their processes and their data go then. */
export interface RunningFunctions extends AsyncDisposable {
  /** Where they answer, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** The address of their nats-server, for `narun secret set`, `narun logs` and programs that read the buckets. */
  readonly nats: string;
  /** `fetch` with a path that is relative to `url`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** What `narun up --json` prints when everything is up. */
interface Addresses {
  http: string;
  nats: string;
  failed: { function: string; code: string; message: string; solve?: string }[];
}

// The command lies beside the sources in the repository, and above what was made of them in the package.
const COMMANDS = ["../../bin/narun.cjs", "../../../bin/narun.cjs"];

/**
 * Starts everything that functions need and pushes those under the folders. Rejects where one of them cannot be pushed,
 * with what is wrong and how to fix it. Buckets are empty: each call has a data folder of its own, which goes at the end.
 */
export async function startFunctions(...dirs: readonly string[]): Promise<RunningFunctions> {
  const dataDir = await mkdtemp(join(tmpdir(), "narun-functions-"));
  const child = spawn(process.execPath, [commandFile(), "up", ...dirs, ...optionsFor(dataDir)], {
    // Through the last of them it hears of the end of this process, however that ends.
    stdio: ["ignore", "pipe", "inherit", "pipe"],
    env: { ...process.env, NARUN_LIFELINE: "3" },
  });
  const ended = once(child, "close");
  const close = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const [line] = (await Promise.race([once(lines, "line"), ended.then(() => [])])) as [string?];
    if (line === undefined) throw new Error("`narun up` ended before it was ready; what it says is above");
    const { http: url, nats, failed } = JSON.parse(line) as Addresses;
    if (failed.length > 0) throw new Error(failed.map(textOf).join("\n"));
    return {
      url,
      nats,
      fetch: (path, init) => fetch(new URL(path, url), init),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function optionsFor(dataDir: string): string[] {
  const addresses = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--nats-port", "0"];
  return ["--json", "--data-dir", dataDir, ...addresses];
}

function commandFile(): string {
  const files = COMMANDS.map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return files.find((file) => existsSync(file)) ?? "";
}

function textOf({ function: name, code, message, solve }: Addresses["failed"][number]): string {
  return `${name}: ${code}: ${message}${solve === undefined ? "" : `\n  Fix: ${solve}`}`;
}
