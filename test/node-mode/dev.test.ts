/** `narun dev` with a function in Node: each save goes live. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { startNarun } from "../../cli/testing/narun.ts";
import { eventually } from "../harness/eventually.ts";

it("runs what was saved last, and shows the lines and the author's places", async () => {
  const parent = await mkdtemp(join(tmpdir(), "narun-test-dev-"));
  const dir = join(parent, "thumbs");
  const source = (text: string) => `import { EOL } from "node:os";
    export default (request: Request) => {
      if (request.method === "POST") throw new Error("no thumbs");
      console.log("a request came");
      return new Response("${text}" + EOL);
    };`;
  try {
    await mkdir(dir);
    await writeFile(join(dir, "narun.yaml"), "mode: node\n");
    await writeFile(join(dir, "index.ts"), source("one"));
    const ports = [
      "--http",
      "127.0.0.1:0",
      "--metrics",
      "127.0.0.1:0",
      "--grpc",
      "127.0.0.1:0",
      "--nats-port",
      "0",
    ];
    await using dev = startNarun(["dev", dir, ...ports, "--data-dir", join(parent, "data")], {
      env: { NARUN_NATS_SERVER: inject("natsServer") },
      limitMs: 90_000,
    });
    const [url = ""] = await dev.shows(/http:\/\/127\.0\.0\.1:\d+\/thumbs/);
    await eventually(async () => expect(await (await fetch(url)).text()).toBe("one\n"));
    await dev.shows(/a request came/);
    expect((await fetch(url, { method: "POST" })).status).toBe(500);
    await dev.shows(/no thumbs[\s\S]*index\.ts:3/);
    await writeFile(join(dir, "index.ts"), source("two"));
    await eventually(async () => expect(await (await fetch(url)).text()).toBe("two\n"));
    dev.kill("SIGTERM");
    expect((await dev.ended).code).toBe(0);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
});
