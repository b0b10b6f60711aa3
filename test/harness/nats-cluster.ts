import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

/** Three real nats-servers in one cluster, with JetStream. */
export interface NatsCluster extends AsyncDisposable {
  /** The address of each server: `n0`, `n1`, `n2`. */
  readonly hosts: ReadonlyMap<string, string>;
  start(name: string): void;
  /** Kills a server with SIGKILL. Resolves when it has ended. */
  kill(name: string): Promise<void>;
}

/** Starts the cluster. Resolves at once, during the election of the first leader. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const folder = await mkdtemp(join(tmpdir(), "narun-test-cluster-"));
  const names = ["n0", "n1", "n2"];
  const ports = await freePorts(names.length * 2);
  const routes = names.map((_, index) => `nats://127.0.0.1:${ports[index * 2 + 1]}`);
  const hosts = new Map(names.map((name, index) => [name, `127.0.0.1:${ports[index * 2]}`]));
  const running = new Map<string, ChildProcess>();
  for (const [index, name] of names.entries()) {
    const config = [
      `server_name: ${name}`,
      `listen: "127.0.0.1:${ports[index * 2]}"`,
      `jetstream { store_dir: "${join(folder, name)}" }`,
      `cluster { name: test, listen: "127.0.0.1:${ports[index * 2 + 1]}", routes: [${routes.join(", ")}] }`,
    ];
    await writeFile(join(folder, `${name}.conf`), config.join("\n"));
  }
  const start = (name: string) => {
    running.set(name, spawn(inject("natsServer"), ["-c", join(folder, `${name}.conf`)], { stdio: "ignore" }));
  };
  const kill = async (name: string) => {
    const server = running.get(name);
    if (server === undefined || !running.delete(name)) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  };
  for (const name of names) start(name);
  return {
    hosts,
    start,
    kill,
    async [Symbol.asyncDispose]() {
      await Promise.all(names.map(kill));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Free ports: each server of a cluster must know the others' ports before they run. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}
