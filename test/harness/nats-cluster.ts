import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holdPorts } from "./kept-ports.ts";
import { type RouteLinks, startRouteLinks } from "./route-links.ts";

/** Real nats-servers in one cluster, with JetStream. Ports and stores stay the same over restarts. */
export interface NatsCluster extends AsyncDisposable {
  /** `n0`, `n1`, … */
  readonly names: readonly string[];
  /** The address of each server. */
  readonly hosts: ReadonlyMap<string, string>;
  /** The address of one server, and of all with this one first. */
  url(name: string): string;
  urls(first?: string): string;
  start(name: string): void;
  /** Kills a server with SIGKILL. Resolves when it has ended. */
  kill(name: string): Promise<void>;
  /** Stops a server with SIGSTOP: its connections stay open. */
  stop(name: string): void;
  /** SIGCONT. */
  resume(name: string): void;
  /** Cuts a server off from the others; its clients keep their connections. */
  cut(name: string): void;
  heal(name: string): void;
}

export interface NatsClusterOptions {
  /** How many servers know each other. Default 3. */
  size?: number;
  /** How many of them begin. Default: all. */
  begin?: number;
  /** Their program. Default: that of the test run. */
  binary?: string | undefined;
}

const RESTART_MS = 200;

/** Starts a cluster. Resolves at once, during the election of the first leader. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const { size = 3, begin = size, binary = await programOfRun() } = options;
  const folder = await mkdtemp(join(tmpdir(), "narun-test-cluster-"));
  const names = Array.from({ length: size }, (_, index) => `n${index}`);
  const { ports, release } = await holdPorts(size * 2);
  const hosts = new Map(names.map((name, index) => [name, `127.0.0.1:${ports[index]}`]));
  const routePorts = new Map(names.map((name, index) => [name, ports[size + index] ?? 0]));
  const links = await startRouteLinks(routePorts);
  await release();
  for (const name of names)
    await writeFile(
      join(folder, `${name}.conf`),
      configOf({ name, names, listen: hosts.get(name) ?? "", routePorts, links, folder }),
    );
  const running = new Map<string, ChildProcess>();
  const start = (name: string) => {
    const server = spawn(binary, ["-c", join(folder, `${name}.conf`)], { stdio: "ignore" });
    running.set(name, server);
    // Another process may have its port for a moment.
    server.once("exit", (code) => {
      if (code === 1) setTimeout(() => running.get(name) === server && start(name), RESTART_MS);
    });
  };
  const kill = async (name: string) => {
    const server = running.get(name);
    if (server === undefined || !running.delete(name) || server.exitCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  const url = (name: string) => `nats://${hosts.get(name)}`;
  for (const name of names.slice(0, begin)) start(name);
  return {
    names,
    hosts,
    url,
    urls: (first = "n0") => [first, ...names.filter((name) => name !== first)].map(url).join(","),
    start,
    kill,
    stop: (name) => void running.get(name)?.kill("SIGSTOP"),
    resume: (name) => void running.get(name)?.kill("SIGCONT"),
    cut: links.cut,
    heal: links.heal,
    async [Symbol.asyncDispose]() {
      await Promise.all(names.map(kill));
      await links[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface ServerPlace {
  name: string;
  names: readonly string[];
  listen: string;
  routePorts: ReadonlyMap<string, number>;
  links: RouteLinks;
  folder: string;
}

function configOf({ name, names, listen, routePorts, links, folder }: ServerPlace): string {
  const others = names.filter((other) => other !== name);
  const { NARUN_TEST_SERVER_LOGS: logs } = process.env;
  const routes = others.map((other) => `nats://127.0.0.1:${links.port(name, other)}`);
  return [
    `server_name: ${name}`,
    `listen: "${listen}"`,
    // Else they would be gone with the servers' own folder.
    ...(logs === undefined ? [] : [`log_file: "${join(logs, name)}.log", logtime_utc: true`]),
    `jetstream { store_dir: "${join(folder, name)}", max_mem: 64Mb, max_file: 8Gb }`,
    `cluster {`,
    // A server that is cut off is noticed within seconds, as docs/cluster.md advises.
    `  ping_interval: "1s", ping_max: 2`,
    `  name: test, listen: "127.0.0.1:${routePorts.get(name)}"`,
    // Servers tell each other addresses of routes: these would lead past the links.
    `  advertise: "127.0.0.1:9"`,
    `  routes: [${routes.join(", ")}]`,
    `}`,
  ].join("\n");
}

async function programOfRun(): Promise<string> {
  // A process of its own, such as a long run, cannot even load vitest.
  const { inject } = await import("vitest");
  return inject("natsServer");
}
