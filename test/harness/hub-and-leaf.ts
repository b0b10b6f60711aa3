import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";

/** Two nats-servers, each with a JetStream. The leaf is connected with the hub: each receives the other's messages. */
export interface HubAndLeaf extends AsyncDisposable {
  readonly hubUrl: string;
  readonly leafUrl: string;
}

interface Addresses {
  clients: string;
  /** Undefined if the server accepts no leaf nodes. */
  leafNodes: string | undefined;
}

export async function startHubAndLeaf(): Promise<HubAndLeaf> {
  const closers = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "narun-test-leaf-"));
  closers.defer(() => rm(folder, { recursive: true, force: true }));
  const start = async (name: string, more: string): Promise<Addresses> => {
    const file = join(folder, `${name}.conf`);
    await writeFile(
      file,
      [
        `server_name: ${name}`,
        "host: 127.0.0.1",
        "port: -1",
        `jetstream { store_dir: "${join(folder, name)}", domain: ${name} }`,
        more,
      ].join("\n"),
    );
    const server = spawn(inject("natsServer"), ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    closers.defer(async () => {
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
    });
    let said = "";
    for await (const chunk of server.stderr.iterator({ destroyOnReturn: false })) {
      said += chunk;
      if (said.includes("Server is ready")) break;
    }
    server.stderr.resume();
    // The server's file of ports does not list leaf nodes.
    const addressOf = (what: string) =>
      new RegExp(`Listening for ${what} connections on (\\S+)`).exec(said)?.[1];
    return { clients: `nats://${addressOf("client")}`, leafNodes: addressOf("leafnode") };
  };
  try {
    const hub = await start("hub", "leafnodes { host: 127.0.0.1, port: -1 }");
    // As in docs/operations.md: NATS separates KV buckets by itself, but not object stores.
    const deny = `deny_imports: ["$O.>"], deny_exports: ["$O.>"]`;
    const remote = `{ url: "nats://${hub.leafNodes}", ${deny} }`;
    const leaf = await start("leaf", `leafnodes { remotes: [${remote}] }`);
    return {
      hubUrl: hub.clients,
      leafUrl: leaf.clients,
      [Symbol.asyncDispose]: () => closers.disposeAsync(),
    };
  } catch (error) {
    await closers.disposeAsync();
    throw error;
  }
}
