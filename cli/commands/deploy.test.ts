/** `narun deploy`, beside runners and tools of the original toolkit, whose part the test plays. */
import { readFile } from "node:fs/promises";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elf, universal } from "../../contracts/executables/testing/headers.ts";
import { connectNats, type Nats } from "../../nats/index.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun } from "../testing/narun.ts";
import { createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

let server: TestNats;
let nats: Nats;
let folder: WorkFolder;
const closers = new AsyncDisposableStack();

beforeAll(async () => {
  server = closers.use(await startTestNats());
  nats = await connectNats({ url: server.url, name: "test" });
  // The original toolkit makes its stores with descriptions.
  await new Objm(jetstream(nats.connection)).create("app-binaries", { description: "Narun binaries" });
  await new Kvm(jetstream(nats.connection)).create("app-configs", { description: "Narun configs" });
  closers.defer(() => nats.close());
  folder = closers.use(
    await createWorkFolder({
      "hello.yaml":
        "name: hello\ntag: 1.10\nargs: [--port, 8080]\nenv: [{ name: GREETING, value: hi }]\nnodes: [{ name: far, replicas: 2 }]\nfuture: { any: thing }\n",
      "script.sh": "#!/bin/sh\necho hi\n",
      "notes.txt": "no program\n",
    }),
  );
  await folder.write("hello-amd64", elf({ machine: 62 }));
  await folder.write("hello-arm64", elf({ machine: 183 }));
  await folder.write("hello-mac", universal([0x01000007, 0x0100000c]));
});
afterAll(() => closers.disposeAsync());

const run = (...args: string[]) => narun(args, { cwd: folder.dir, env: { NARUN_NATS_URL: server.url } });
const json = async (...args: string[]) => {
  const { stdout, stderr, code } = await run(...args, "--json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
};

/** The stores as the original toolkit opens them. */
const configs = () => new Kvm(jetstream(nats.connection)).open("app-configs");
const binaries = () => new Objm(jetstream(nats.connection)).open("app-binaries");
const storedSpec = async (name: string) => {
  const entry = await (await configs()).get(name);
  return entry === null || entry.operation !== "PUT" ? undefined : entry.json<Record<string, unknown>>();
};
const objectNames = async () => (await (await binaries()).list()).map(({ name }) => name).sort();

async function writeState(node: string, more: Record<string, unknown> = {}): Promise<void> {
  const now = new Date().toISOString();
  const states = await new Kvm(jetstream(nats.connection)).create("node-runner-states", {
    ttl: 45_000,
    history: 1,
  });
  const state = {
    node_id: node,
    last_seen: now,
    version: "0.2.1",
    start_time: now,
    managed_instances: [],
    status: "running",
    ...more,
  };
  await states.put(node, JSON.stringify(state));
}

describe("narun deploy", () => {
  it("stores files and spec as every version of the original toolkit's runner takes them", async () => {
    const deployed = await json(
      "deploy",
      "-config",
      "hello.yaml",
      "-binary",
      "hello-amd64",
      "-binary=hello-arm64",
    );
    expect(deployed).toMatchObject({ name: "hello", tag: "1.10", mode: "exec", unchanged: false });
    const info = await (await binaries()).info("hello-1.10-linux-amd64");
    expect(info?.metadata).toEqual({
      "narun-app-name": "hello",
      "narun-goos": "linux",
      "narun-goarch": "amd64",
      "narun-version-tag": "1.10",
      "narun-original-file": "hello-amd64",
    });
    const bytes = await (await binaries()).getBlob("hello-1.10-linux-arm64");
    expect(Buffer.from(bytes ?? [])).toEqual(await readFile(folder.path("hello-arm64")));
    expect(await storedSpec("hello")).toMatchObject({
      name: "hello",
      tag: "1.10",
      binary_object: "hello-1.10-linux-amd64",
      mode: "exec",
      args: ["--port", "8080"],
      env: [{ name: "GREETING", value: "hi" }],
      nodes: [{ name: "far", replicas: 2 }],
      future: { any: "thing" },
    });
    expect(await json("ls")).toMatchObject([{ name: "hello", mode: "exec" }]);
  });

  it("changes nothing a second time, and stores only what is new", async () => {
    expect(await json("deploy", "--config", "hello.yaml", "hello-amd64")).toMatchObject({ unchanged: true });
    const changed = await json("deploy", "--config", "hello.yaml", "hello-amd64", "hello-mac");
    expect(changed).toMatchObject({
      unchanged: false,
      binaries: [
        { object: "hello-1.10-darwin-amd64", uploaded: true },
        { object: "hello-1.10-darwin-arm64", uploaded: true },
        { object: "hello-1.10-linux-amd64", uploaded: false },
        { object: "hello-1.10-linux-arm64", uploaded: false },
      ],
    });
  });

  it("takes flags instead of a spec, and a script for every system", async () => {
    const deployed = await json(
      "deploy",
      "-name",
      "sh",
      "-tag",
      "v1",
      "-node",
      "n1",
      "-replicas",
      "3",
      "script.sh",
    );
    expect(deployed).toMatchObject({ nodes: [{ name: "n1", replicas: 3 }], absent: [{ node: "n1" }] });
    expect(deployed.binaries.map(({ object }: { object: string }) => object)).toContain("sh-v1-linux-arm64");
    expect(await storedSpec("sh")).toMatchObject({ mode: "exec", binary_object: "sh-v1-linux-amd64" });
  });

  it("goes to the only node, tells one that cannot run it, and the nearest name of one that is not there", async () => {
    await writeState("worker", { os: "linux", arch: "riscv64" });
    const deployed = await run("deploy", "--name", "one", "--tag", "v1", "hello-amd64");
    expect(deployed.stderr).toContain("The node worker is linux/riscv64, and no file is for that");
    const misspelt = await run("deploy", "--name", "one", "--tag", "v1", "--node", "wroker", "hello-amd64");
    expect(misspelt.stderr).toContain("No node wroker runs now. Did you mean worker?");
  });

  it.each([
    [["--name", "a", "--tag", "v1", "notes.txt"], 1, "notes.txt: it is neither a program"],
    [["--name", "a", "--tag", "v1", "missing"], 1, "missing: ENOENT"],
    [["--name", "a", "--tag", "v1", "hello-amd64", "hello-amd64"], 1, "is for linux/amd64, too"],
    [["--name", "a", "--tag", "v1"], 1, "no file is given, and none of v1 is stored"],
    [["--name", "a", "hello-amd64"], 2, "needs --tag"],
    [["hello-amd64"], 2, "needs --name"],
    [["--name", "a b", "--tag", "v1", "hello-amd64"], 2, "a name has 1 to 63 characters"],
    [
      ["--config", "bad.yaml", "hello-amd64"],
      1,
      'line 2: comand: unknown key "comand"; did you mean "command"?',
    ],
  ])("refuses %j", async (args, code, reason) => {
    await folder.write("bad.yaml", "name: bad\ncomand: ./x\n");
    const ended = await run("deploy", ...args);
    expect(ended).toMatchObject({ code, stderr: expect.stringContaining(reason) });
    expect(await storedSpec("a")).toBeUndefined();
  });

  it("leaves a function alone whose name is taken", async () => {
    await folder.write("taken/index.ts", "export default () => new Response('hi');\n");
    expect((await run("push", "taken")).code).toBe(0);
    const ended = await run("deploy", "--name", "taken", "--tag", "v1", "hello-amd64");
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("taken is a function") });
    expect(ended.stderr).toContain("The name belongs to another service");
  });

  it("says that its time was too short, and leaves all as it was", async () => {
    const ended = await run(
      "deploy",
      "--name",
      "late",
      "--tag",
      "v1",
      "--timeout",
      "0s",
      "hello-amd64",
      "--json",
    );
    expect(JSON.parse(ended.stderr).error).toMatchObject({
      code: "DEPLOY_TIMEOUT",
      message: expect.stringContaining("late: 0 ms are over"),
    });
    expect(await storedSpec("late")).toBeUndefined();
  });
});

describe("narun rm", () => {
  it("removes a service, and the files that no other spec uses", async () => {
    await json("deploy", "--name", "gone", "--tag", "v1", "hello-amd64");
    await json("deploy", "--name", "gone", "--tag", "v2", "hello-amd64");
    // A spec of an early runner names the file itself.
    await (await configs()).put("other", "name: other\nbinary_object: gone-v1-linux-amd64\n");
    expect(await json("rm", "gone")).toMatchObject({ name: "gone", removed: true });
    expect(await storedSpec("gone")).toBeUndefined();
    const left = (await objectNames()).filter((name) => name.startsWith("gone"));
    expect(left).toEqual(["gone-v1-linux-amd64"]);
    expect(await json("rm", "other")).toMatchObject({ removed: true });
    expect((await objectNames()).filter((name) => name.startsWith("gone"))).toEqual([]);
    expect((await run("rm", "gone")).stderr).toContain("No function has this name: gone");
  });
});
