import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { end, firstLine } from "../system.ts";

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
);
`;

/** Why workerd takes no turn. */
export const WORKERD_ABSENT = "the npm package `workerd` is not installed";

/** workerd with one worker, on a free port. Undefined if it is not installed. */
export async function startWorkerd(
  worker: string,
): Promise<({ http: string; pid: number } & AsyncDisposable) | undefined> {
  const prepared = await prepareWorkerd(worker);
  if (prepared === undefined) return undefined;
  const server = await prepared.start();
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await prepared[Symbol.asyncDispose]();
    },
  };
}

export interface PreparedWorkerd extends AsyncDisposable {
  /** Starts a process. It listens, but its worker may not have run yet. */
  start(): Promise<{ http: string; pid: number } & AsyncDisposable>;
}

/** The files of a worker, for any number of processes. Undefined if workerd is not installed. */
export async function prepareWorkerd(worker: string): Promise<PreparedWorkerd | undefined> {
  const program = await findProgram();
  if (program === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-workerd-"));
  await writeFile(join(folder, "config.capnp"), CONFIG);
  await writeFile(join(folder, "worker.js"), worker);
  return {
    async start() {
      const child = spawn(program, ["serve", "config.capnp", "--control-fd=1"], {
        cwd: folder,
        stdio: ["ignore", "pipe", "inherit"],
      });
      const { port } = JSON.parse(await firstLine(child)) as { port: number };
      return {
        http: `http://127.0.0.1:${port}`,
        pid: child.pid ?? 0,
        [Symbol.asyncDispose]: () => end(child),
      };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The program itself, not the script that npm links: ending that script would leave the program running. */
async function findProgram(): Promise<string | undefined> {
  try {
    // @ts-expect-error -- the package has no types.
    const { default: found } = (await import("workerd")) as { default: { default: string } };
    return found.default;
  } catch {
    return undefined;
  }
}
