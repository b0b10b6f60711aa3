import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { isNarunError } from "../../contracts/index.ts";
import { type NatsServer, startNatsServer } from "../../nats-server/index.ts";
import { eventually } from "./eventually.ts";
import { keptPort } from "./kept-ports.ts";

/** A real nats-server on a free port with a store of its own. */
export interface TestNats extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Changes with kill9(). */
  readonly pid: number;
  /** Kills the server with SIGKILL. Resolves when it was killed. It restarts by itself on the same port with the same store. */
  kill9(): Promise<void>;
  close(): Promise<void>;
}

export interface TestNatsOptions {
  /** Called with every warning and error of the server's log. */
  onWarning?: (text: string) => void;
  /** Its program. Default: that of the test run. */
  binary?: string | undefined;
}

export async function startTestNats({ onWarning, binary }: TestNatsOptions = {}): Promise<TestNats> {
  const log = pino({ level: "silent" });
  if (onWarning !== undefined) log.warn = ({ nats }: { nats?: string }) => onWarning(nats ?? "");
  const dataDir = await mkdtemp(join(tmpdir(), "narun-test-nats-"));
  const server = await startOnKeptPort({ binary: binary ?? (await programOfRun()), dataDir, log });
  const close = async () => {
    await server.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  const pidOf = () => {
    if (server.pid === undefined) throw new Error("the nats-server is being restarted");
    return server.pid;
  };
  return {
    url: server.url,
    port: server.port,
    get pid() {
      return pidOf();
    },
    async kill9() {
      const pid = pidOf();
      process.kill(pid, "SIGKILL");
      await eventually(() => {
        if (server.pid === pid) throw new Error(`nats-server ${pid} was not seen to die`);
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Another test may take the same port between the choice and the start. */
async function startOnKeptPort(options: Parameters<typeof startNatsServer>[0]): Promise<NatsServer> {
  for (;;) {
    try {
      return await startNatsServer({ ...options, port: await keptPort() });
    } catch (error) {
      if (!isNarunError(error, "ADDRESS_IN_USE")) throw error;
    }
  }
}

async function programOfRun(): Promise<string> {
  // A process of its own, such as a fuzz in its long form, cannot even load vitest.
  const { inject } = await import("vitest");
  return inject("natsServer");
}
