/** Programs on the published SDKs (test/peers/runtara), which obey one call a line. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { peerProgram } from "../harness/peers.ts";

export const RUNTARA_PEER = peerProgram("runtara-1.6.4");

export interface Peer extends AsyncDisposable {
  /** The answer of a call: the SDK's result, or `{ failed }` with the text of its error. */
  // biome-ignore lint/suspicious/noExplicitAny: the results of many calls
  call(...call: unknown[]): Promise<any>;
  kill9(): Promise<void>;
}

export interface PeerOptions {
  instance: string;
  tenant?: string;
  /** Further variables of its environment. */
  env?: Record<string, string>;
}

/** A program that is an instance. */
export function startProgram(url: string, { instance, tenant = "acme", env = {} }: PeerOptions): Peer {
  return start([], {
    RUNTARA_HTTP_URL: url,
    RUNTARA_INSTANCE_ID: instance,
    RUNTARA_TENANT_ID: tenant,
    ...env,
  });
}

/** A program that manages instances. */
export function startManager(url: string): Peer {
  return start(["manage"], { RUNTARA_ENVIRONMENT_ADDR: new URL(url).host });
}

function start(args: readonly string[], env: Record<string, string>): Peer {
  if (RUNTARA_PEER === undefined) throw new Error("the peer is missing: test/peers/runtara.sh");
  const child: ChildProcess = spawn(RUNTARA_PEER, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("its streams are pipes");
  const lines = createInterface(stdout)[Symbol.asyncIterator]();
  return {
    async call(...call) {
      stdin.write(`${JSON.stringify(call)}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`it ended during ${call[0]}`);
      return JSON.parse(value);
    },
    async kill9() {
      child.kill("SIGKILL");
      await ended;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
