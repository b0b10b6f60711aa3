/** restate-server with the service of its Node SDK, each in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { end, firstLine } from "../system.ts";

export interface Restate extends AsyncDisposable {
  /** A POST with a number runs one invocation. */
  readonly url: string;
  readonly pids: readonly number[];
  /** A POST with an id runs one invocation whose steps ask the counter. */
  readonly countedUrl: string;
  /** Kills the service with SIGKILL. It is started again, on its port. */
  killService(): Promise<void>;
}

/** Why Restate takes no turn. */
export const RESTATE_ABSENT =
  "the npm packages `@restatedev/restate-server` and `restate-sdk` are not installed";

const START_MS = 60_000;

/** Starts both. `counter`: the URL that counted steps ask. Undefined if they are not installed. */
export async function startRestate(counter = ""): Promise<Restate | undefined> {
  const program = findProgram();
  if (program === undefined) return undefined;
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "narun-bench-restate-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const [ingress, admin, node] = await freePorts(3);
  const server = spawn(program, ["--no-logo"], {
    cwd: folder,
    stdio: "ignore",
    env: {
      ...process.env,
      RESTATE_BASE_DIR: folder,
      RESTATE_LISTEN_MODE: "tcp",
      RESTATE_BIND_IP: "127.0.0.1",
      RESTATE_BIND_PORT: String(node),
      RESTATE_INGRESS__BIND_PORT: String(ingress),
      RESTATE_ADMIN__BIND_PORT: String(admin),
      RESTATE_DISABLE_TELEMETRY: "true",
    },
  });
  stack.defer(() => end(server));
  const file = fileURLToPath(new URL("./restate-service.ts", import.meta.url));
  const startService = (port: string) =>
    spawn(process.execPath, [file, port, counter], { stdio: ["ignore", "pipe", "ignore"] });
  let service = startService("0");
  stack.defer(() => end(service));
  const port = await firstLine(service);
  await untilAnswered(`http://127.0.0.1:${admin}/deployments`, { uri: `http://127.0.0.1:${port}` });
  const urlOf = (name: string) => `http://127.0.0.1:${ingress}/${name}/run`;
  const url = urlOf("ten");
  await untilAnswered(url, 1);
  const ending = stack.move();
  return {
    url,
    countedUrl: urlOf("counted"),
    get pids() {
      return [server.pid ?? 0, service.pid ?? 0];
    },
    async killService() {
      const ended = once(service, "exit");
      service.kill("SIGKILL");
      await ended;
      service = startService(port);
    },
    [Symbol.asyncDispose]: () => ending.disposeAsync(),
  };
}

async function untilAnswered(url: string, body: unknown): Promise<void> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  for (const endsAt = performance.now() + START_MS; ; await pause(100)) {
    const answer = await fetch(url, init).catch((error: unknown) => String(error));
    if (typeof answer !== "string" && answer.ok) return void (await answer.text());
    const why = typeof answer === "string" ? answer : `${answer.status} ${await answer.text()}`;
    if (performance.now() > endsAt) throw new Error(`Restate does not start: ${url}: ${why}`);
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return address !== null && typeof address === "object" ? address.port : 0;
    }),
  );
}

/** The program itself: a script that starts it would stay between them. */
function findProgram(): string | undefined {
  const { resolve } = createRequire(import.meta.url);
  try {
    resolve("@restatedev/restate-sdk");
    const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
    return join(dirname(resolve(`${name}/package.json`)), "bin/restate-server");
  } catch {
    return undefined;
  }
}
