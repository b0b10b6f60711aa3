/** A real Caddy: the installed one, and a pinned newer one (test/peers/caddy.sh). */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { peerProgram } from "./peers.ts";

/** The programs that there are, by a name for tests. */
export const caddies: { name: string; program: string | undefined }[] = [
  {
    name: "the installed Caddy",
    program: spawnSync("caddy", ["version"]).status === 0 ? "caddy" : undefined,
  },
  { name: "Caddy 2.11.9", program: peerProgram("caddy-2.11.9") },
];

export interface Caddy extends AsyncDisposable {
  /** Its admin API. */
  readonly admin: URL;
  /** The port of its HTTP server; the host is the client's to name. */
  readonly port: number;
  /** How often its configuration was changed. */
  changes(): Promise<number>;
  /** A part of its configuration. */
  config(path?: string): Promise<unknown>;
  /** Replaces its whole configuration. */
  load(config: unknown): Promise<void>;
  /** Stops it, and starts it again with its first configuration. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** `routes`: routes of another owner. */
export async function startCaddy(program: string, routes: readonly unknown[] = []): Promise<Caddy> {
  const folder = await mkdtemp(join(tmpdir(), "narun-caddy-"));
  const [port, adminPort] = [await freePort(), await freePort()];
  const file = join(folder, "caddy.json");
  await writeFile(file, JSON.stringify(configOf(port, adminPort, routes)));
  const admin = new URL(`http://127.0.0.1:${adminPort}`);
  let log = "";
  let looks = 0;
  const launch = async () => {
    const child = spawn(program, ["run", "--config", file], {
      env: { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.on("data", (chunk: Buffer) => {
      log += chunk.toString();
    });
    const ended = once(child, "exit");
    await eventually(() => fetchText(new URL("/config/", admin)));
    return { child, ended };
  };
  let running = await launch();
  const stop = async () => {
    running.child.kill("SIGKILL");
    await running.ended;
  };
  return {
    admin,
    port,
    async changes() {
      // Its log comes later than its answers. This request is the last one in it.
      const path = `/config/?look=${++looks}`;
      await fetchText(new URL(path, admin));
      await eventually(() => {
        if (!log.includes(path)) throw new Error("the log of Caddy is not read yet");
      });
      return log.match(/"method":\s*"(POST|PUT|PATCH|DELETE)"/g)?.length ?? 0;
    },
    config: async (path = "/config/") => JSON.parse((await fetchText(new URL(path, admin))) || "null"),
    async load(config) {
      const body = JSON.stringify(config);
      await fetchText(new URL("/load", admin), { method: "POST", body });
    },
    async restart() {
      await stop();
      running = await launch();
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true });
    },
  };
}

export function configOf(port: number, adminPort: number, routes: readonly unknown[]) {
  return {
    admin: { listen: `127.0.0.1:${adminPort}` },
    apps: {
      http: {
        servers: { main: { listen: [`127.0.0.1:${port}`], automatic_https: { disable: true }, routes } },
      },
    },
  };
}

/** By `node:http`: newer versions refuse `fetch` which names its origin. */
async function fetchText(
  url: URL,
  { method = "GET", body }: { method?: string; body?: string } = {},
): Promise<string> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const sent = request(url, { method, headers, agent: false }, (incoming) => {
      let text = "";
      incoming.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      incoming.on("end", () =>
        (incoming.statusCode ?? 500) < 300
          ? resolve(text)
          : reject(new Error(`${incoming.statusCode}: ${text}`)),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
