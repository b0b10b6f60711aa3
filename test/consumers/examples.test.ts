/** The examples of consumers (functions/consumers/): each is started as its user does, and called through the gateway. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { startNarun } from "../../cli/testing/narun.ts";
import { readGatewayConfig } from "../../gateway/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld } from "../harness/world.ts";

const examples = join(import.meta.dirname, "..", "..", "functions", "consumers");
const world = await startWorld({
  nodes: 0,
  gateway: { config: await readGatewayConfig(join(examples, "gateway.yaml")) },
});
afterAll(() => world[Symbol.asyncDispose]());

function start(program: string, ...args: string[]): AsyncDisposable & { child: ChildProcess } {
  const child = spawn(program, args, {
    cwd: examples,
    env: { ...process.env, NATS_URL: world.nats.url, NODE_OPTIONS: "" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  return {
    child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** The Python with NATS' client that `.ci/run` installs (test/peers/python-nats.sh), or any that has it. */
function findPython(): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const candidates = [join(cache, "narun", "peers", "nats-py-2.16.0", "bin", "python3"), "python3"];
  return candidates.find(
    (python) =>
      (python === "python3" || existsSync(python)) &&
      spawnSync(python, ["-c", "import nats.micro"]).status === 0,
  );
}

/** How long a program may take until it answers, on a busy machine. */
const STARTED = { timeoutMs: 25_000 };

const python = findPython();
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe("an example of a consumer", () => {
  it("is a Hono app with serve", async () => {
    await using _app = start(process.execPath, "--conditions=narun-source", "orders.ts");
    await eventually(
      async () =>
        expect(await world.call("/orders/1")).toMatchObject({ status: 200, text: '{"item":"tea"}' }),
      STARTED,
    );
    expect(await world.call("/orders/2", { method: "PUT", body: '{"item":"cup"}' })).toMatchObject({
      status: 204,
    });
    expect(await world.call("/orders")).toMatchObject({ text: '["1","2"]' });
    expect(await world.call("/orders/9")).toMatchObject({ status: 404, text: '{"error":"no such order"}' });
  });

  it.skipIf(!hasPython)(
    "is a plain server in Python with `narun run` (skipped without python3)",
    async () => {
      const command = ["--", "python3", join(examples, "plain.py")];
      await using program = startNarun(["run", "--nats", world.nats.url, "--service", "plain", ...command]);
      await program.shows(/plain answers/);
      await eventually(
        async () => expect(await world.call("/plain/a?b=1")).toMatchObject({ text: "GET /plain/a?b=1\n" }),
        STARTED,
      );
      expect(await world.call("/plain", { method: "POST", body: "posted" })).toMatchObject({
        text: "posted",
      });
    },
  );

  it.skipIf(python === undefined)(
    "is a Python program with nats-py alone (skipped without nats-py)",
    async () => {
      const early = world.call("/greeter?name=Ada");
      await using _greeter = start(python ?? "", "greeter.py");
      expect(await early).toMatchObject({
        status: 200,
        text: '{"greeting": "Hello, Ada!", "path": "/greeter"}',
      });
      const posted = await world.call("/greeter", { method: "POST", body: '{"name":"Bob"}' });
      expect(posted.headers.get("content-type")).toBe("application/json");
      expect(posted.text).toContain("Hello, Bob!");
    },
  );
});
