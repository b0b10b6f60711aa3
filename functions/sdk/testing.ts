/** Functions for tests, in the environment of production: `narun up` on free ports, with data of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export {
  grpcClient,
  type TestCallOptions,
  type TestClient,
  type TestClientOptions,
} from "./grpc/test-client.ts";

/** Running functions. Close them, or declare them with `await using`: this ends their processes and deletes their data. */
export interface RunningFunctions extends AsyncDisposable {
  /** The base URL, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** The address of their nats-server, for `narun secret set`, `narun logs` and programs that read the buckets. */
  readonly nats: string;
  /** `fetch` with a path that is relative to `url`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Calls the handler of a trigger, as `narun invoke --trigger` does. */
  trigger(name: string, kind: "schedule" | "queue" | "message", event?: TriggerInput): Promise<TriggerAnswer>;
  close(): Promise<void>;
}

/** The message of a trigger. */
export interface TriggerInput {
  /** Default: none. */
  data?: string;
  /** Default: the first of narun.yaml. */
  subject?: string;
  headers?: Readonly<Record<string, string>>;
}

export interface TriggerAnswer {
  /** 200, or 204 without a reply; an error's status where the handler threw. */
  status: number;
  /** The reply of `message`; JSON with `result` of `schedule`, with `verdicts` of `queue`. */
  body: string;
  /** The code of the error catalogue. Undefined: the handler answered. */
  code?: string;
}

/** The output of `narun up --json` after the start. */
interface Addresses {
  http: string;
  nats: string;
  failed: { function: string; code: string; message: string; solve?: string }[];
}

// The command, relative to the sources in the repository and to the compiled code in the package.
const COMMANDS = ["../../bin/narun.cjs", "../../../bin/narun.cjs"];

/**
 * Starts narun and pushes the functions under the folders. If a push fails, it rejects with the fault and the remedy. Buckets
 * are empty: each call has a data folder of its own, which is deleted at the end.
 */
export async function startFunctions(...dirs: readonly string[]): Promise<RunningFunctions> {
  const dataDir = await mkdtemp(join(tmpdir(), "narun-functions-"));
  const child = spawn(process.execPath, [commandFile(), "up", ...dirs, ...optionsFor(dataDir)], {
    // Descriptor 3 closes at the end of this process, even after a kill, and the command ends with it.
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
    if (line === undefined) throw new Error("`narun up` ended before it was ready; its output is above");
    const { http: url, nats, failed } = JSON.parse(line) as Addresses;
    if (failed.length > 0) throw new Error(failed.map(textOf).join("\n"));
    return {
      url,
      nats,
      fetch: (path, init) => fetch(new URL(path, url), init),
      trigger: (name, kind, event) => trigger(nats, name, kind, event),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function trigger(
  nats: string,
  name: string,
  kind: string,
  { data = "", subject, headers = {} }: TriggerInput = {},
): Promise<TriggerAnswer> {
  const options = [
    ...["--json", "--nats", nats, "--trigger", kind, "--data", "-"],
    ...(subject === undefined ? [] : ["--subject", subject]),
    ...Object.entries(headers).flatMap(([field, value]) => ["--header", `${field}: ${value}`]),
  ];
  const child = spawn(process.execPath, [commandFile(), "invoke", name, ...options], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  child.stdin.end(data);
  const chunks: Uint8Array[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  await ended;
  const text = Buffer.concat(chunks).toString();
  if (text === "") throw new Error(`\`narun invoke ${name}\` failed; its output is above`);
  return JSON.parse(text) as TriggerAnswer;
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
