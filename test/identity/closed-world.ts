/** `narun up` with the identity of a network: only its logins are taken. */
import { writeFile } from "node:fs/promises";
import { readNetwork } from "../../cli/network/network-facts.ts";
import { openNetwork } from "../../cli/network/network-folder.ts";
import { type Ended, FREE_PORTS, type Narun, narun, startNarun } from "../../cli/testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../../cli/testing/work-folder.ts";
import type { Role } from "../../contracts/index.ts";
import { connectNats, createLogin, type LoginOptions, type Nats, roleKey } from "../../nats/index.ts";

export interface ClosedWorld extends AsyncDisposable {
  readonly folder: WorkFolder;
  readonly up: Narun;
  readonly http: string;
  readonly nats: string;
  /** PEM. */
  readonly ca: string;
  /** A new user of a role, and its connection. */
  connect(role: Role, options?: LoginOptions): Promise<Nats>;
  creds(role: Role, options?: LoginOptions): string;
  /** Runs a command with a login of a role. */
  narun(role: Role, args: readonly string[], input?: string): Promise<Ended>;
}

export async function startClosedWorld(
  files: Record<string, string>,
  ...args: string[]
): Promise<ClosedWorld> {
  const folder = await createWorkFolder(files);
  const dataDir = folder.path("data");
  const closers: (() => Promise<void>)[] = [async () => folder[Symbol.asyncDispose]()];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    await openNetwork(dataDir, ["127.0.0.1"]);
    const up = startNarun(["up", "--json", ...FREE_PORTS, "--data-dir", dataDir, ...args], {
      limitMs: 600_000,
      cwd: folder.dir,
    });
    closers.push(async () => {
      up.kill("SIGTERM");
      await up.ended;
      await up[Symbol.asyncDispose]();
    });
    const [line] = await up.shows(/^\{"http".*\}$/m);
    const { http, nats } = JSON.parse(line);
    const facts = readNetwork(dataDir);
    if (facts === undefined) throw new Error("the world has no network");
    const ca = facts.authority.cert;
    const creds = (role: Role, options?: LoginOptions) => createLogin(roleKey(facts.keys, role), options);
    return {
      folder,
      up,
      http,
      nats,
      ca,
      creds,
      async connect(role, options) {
        const connection = await connectNats({
          url: nats,
          login: { creds: creds(role, options), ca },
          name: role,
        });
        closers.push(() => connection.close());
        return connection;
      },
      async narun(role, command, input = "") {
        const file = folder.path(`${role}.creds`);
        await writeFile(file, creds(role), { mode: 0o600 });
        const login = ["--nats", nats, "--creds", file, "--tls-ca", folder.path("data/network/ca.pem")];
        return narun([...command, ...login], { cwd: folder.dir, input, limitMs: 60_000 });
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
