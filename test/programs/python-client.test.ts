/** A program in Python with NATS' own client for it, which knows nothing of narun. Skipped without that client. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

/** The Python with NATS' client that `.ci/run` installs (test/peers/python-nats.sh), or any that has it. */
function findPython(): string | undefined {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const installed = join(cache, "narun", "peers", "nats-py-2.16.0", "bin", "python3");
  const found = existsSync(installed) ? installed : "/usr/bin/python3";
  return spawnSync(found, ["-c", "import nats.micro"]).status === 0 ? found : undefined;
}

const python = findPython();

const server = `#!${python}
import asyncio, os, nats, nats.micro

async def answer(request):
    await request.respond(b"python heard " + request.data, headers={"X-Response-Status-Code": "201"})

async def main():
    name = os.environ["NARUN_APP_NAME"]
    client = await nats.connect(os.environ["NATS_URL"])
    service = await nats.micro.add_service(client, name=name, version="1.0.0")
    await service.add_endpoint(name="handler", subject=name, handler=answer)
    await service.stopped.wait()

asyncio.run(main())
`;

describe.skipIf(python === undefined)("a program with the client for Python", () => {
  let world: World | undefined;
  afterAll(() => world?.[Symbol.asyncDispose]());

  it("registers, is called, and is put to sleep", async () => {
    world = await startWorld();
    const config = { mode: "exec", command: "server.py", scale: { idleSeconds: 0.5 } };
    await world.push("snake", { "server.py": server }, config);
    const { status, text } = await world.call("/snake", { method: "POST", body: "this" });
    expect([status, text]).toEqual([201, "python heard this"]);
    await world.announced("snake", "gone");
    await eventually(() => expect(world?.statuses("snake").at(-1)).toMatchObject({ status: "stopped" }));
  });
});
