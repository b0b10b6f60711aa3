/** Gateway and node-runner as processes of their own, with a nats-server of the user. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const PORTS = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
const SOON = ["--lame-duck", "0s"];

let server: TestNats;
let folder: WorkFolder;
beforeAll(async () => {
  server = await startTestNats();
  folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
});
afterAll(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

test("a push without a node says that nothing has tried it; gateway and node then serve it, and drain", async () => {
  const at = ["--nats", server.url];
  const { code, stdout, stderr } = await narun(["push", folder.path("hello"), ...at]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/ live {2}no gateway runs\n$/) });
  expect(stderr).toBe("No node is running: this revision is untried.\n");
  expect(JSON.parse((await narun(["push", folder.path("hello"), "--json", ...at])).stdout)).toMatchObject({
    url: null,
    unchanged: true,
  });
  expect(await narun(["nodes", ...at])).toMatchObject({
    stdout: "",
    stderr: expect.stringMatching(/^No node runs/),
  });
  expect((await narun(["invoke", "hello", ...at])).stderr).toMatch(/^narun: [^\n]*no gateway runs[^\n]*\n$/);

  await using gateway = startNarun(["gateway", "--json", "--log-level", "warn", ...SOON, ...PORTS, ...at]);
  const [line] = await gateway.shows(/^\{.*\}$/m);
  const { http, metrics } = JSON.parse(line);
  expect((await fetch(`${metrics}/healthz`)).status).toBe(200);
  await using node = startNarun([
    "node",
    "--json",
    "--log-level",
    "warn",
    "--name",
    "n1",
    "--label",
    "zone=a",
    "--cache-dir",
    folder.path("cache"),
    ...at,
  ]);
  expect(JSON.parse((await node.shows(/^\{"node".*\}$/m))[0])).toMatchObject({ node: "n1" });
  expect(await (await fetch(`${http}/hello`)).text()).toBe("hi");
  expect(JSON.parse((await narun(["nodes", "--json", ...at])).stdout)).toMatchObject([
    { node: "n1", modes: ["isolate", "exec", "node"], labels: { zone: "a" } },
  ]);

  await folder.write("native/index.ts", answering("hi"));
  await folder.write("native/narun.yaml", "mode: node\nbindings:\n  - { name: USERS, service: user }\n");
  const native = await narun(["push", folder.path("native"), ...at]);
  expect(native.code).toBe(0);
  expect(await (await fetch(`${http}/native`)).text()).toBe("hi");
  expect(native.stderr).toBe(
    `The binding USERS is of the service user, which has no spec: its calls fail unless something else answers under that name.
`,
  );

  const second = await narun(["node", "--name", "n1", "--cache-dir", folder.path("cache"), ...at]);
  expect(second.code).toBe(2);
  expect(second.stderr).toMatch(
    /another node-runner is called n1, process \d+ on \S+, since \S+; choose a name with --name/,
  );

  gateway.kill("SIGTERM");
  node.kill("SIGINT");
  expect(await gateway.ended).toMatchObject({ code: 0, stderr: "" });
  expect(await node.ended).toMatchObject({ code: 0, stderr: "" });
});

describe("narun gateway", () => {
  test("takes addresses and static routes from the original's configuration; options win", async () => {
    await folder.write(
      "config.yaml",
      `nats_url: ${server.url}\nserver_addr: 127.0.0.1:0\nmetrics_addr: 127.0.0.1:1\nroutes:\n  - path: /static\n    service: nobody\n`,
    );
    const config = ["--config", folder.path("config.yaml")];
    await using gateway = startNarun([
      "gateway",
      ...config,
      ...SOON,
      "--metrics",
      "127.0.0.1:0",
      "--log-level",
      "warn",
    ]);
    const [, http] = await gateway.shows(
      /^http {5}(\S+)\ngrpc {5}127\.0\.0\.1:\d+\nmetrics {2}\S+\nnats {5}nats:\S+$/m,
    );
    expect(
      await fetch(`${http}/static`, { method: "OPTIONS", signal: AbortSignal.timeout(200) }).catch(
        () => "held",
      ),
    ).toBe("held");
    expect((await fetch(`${http}/other`)).status).toBe(404);
    gateway.kill("SIGTERM");
    expect((await gateway.ended).code).toBe(0);
  });

  test("goes on serving while proxies are connected once it is stopped; a second signal ends it at once", async () => {
    await using gateway = startNarun([
      "gateway",
      "--json",
      "--lame-duck",
      "1h",
      ...PORTS,
      "--nats",
      server.url,
    ]);
    const { http, metrics } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
    const { port, hostname } = new URL(http);
    const kept = connect(Number(port), hostname);
    await once(kept, "connect");
    gateway.kill("SIGTERM");
    await eventually(async () => expect((await fetch(`${metrics}/healthz`)).status).toBe(503));
    const answer = await fetch(`${http}/other`);
    expect([answer.status, answer.headers.get("connection")]).toEqual([404, "close"]);
    // Signals of one moment count as one.
    const again = setInterval(() => gateway.kill("SIGTERM"), 200);
    expect((await gateway.ended).code).toBe(1);
    clearInterval(again);
    kept.destroy();
  });

  test("names the line and the nearest key of a wrong configuration", async () => {
    await folder.write("wrong.yaml", "routes:\n  - paht: /static\n    service: nobody\n");
    const { code, stderr } = await narun(["gateway", "--config", folder.path("wrong.yaml")]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^narun: The gateway's configuration is not valid: [\s\S]*2[\s\S]*did you mean "path"\?/,
    );
  });

  test.each(["/dev/null", "/proc/narun"])("a node names a cache folder that can be none: %s", async (dir) => {
    const ended = await narun(["node", "--cache-dir", dir, "--nats", "nats://127.0.0.1:1", "--json"]);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("FOLDER_UNUSABLE") });
    expect(ended.stderr).toContain(dir);
  });

  test("says which address is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, stderr } = await narun([
      "gateway",
      "--http",
      taken,
      "--metrics",
      "127.0.0.1:0",
      "--nats",
      server.url,
    ]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^narun: The address is taken: ${taken} \\(--http\\)\\. [^\\n]+\\n$`));
  });
});

describe("on a nats-server without JetStream", () => {
  let bare: ChildProcess;
  let url: string;
  beforeAll(async () => {
    bare = spawn(inject("natsServer"), ["-a", "127.0.0.1", "-p", "-1"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let words = "";
    bare.stderr?.on("data", (chunk: Buffer) => {
      words += chunk.toString();
    });
    url = await eventually(() => {
      const address = /Listening for client connections on (\S+)/.exec(words)?.[1];
      if (address === undefined || !words.includes("Server is ready")) throw new Error(words);
      return `nats://${address}`;
    });
  });
  afterAll(async () => {
    const ended = once(bare, "exit");
    bare.kill();
    await ended;
  });

  test.each([
    ["ls"],
    ["logs"],
    ["revisions x"],
    ["invoke x"],
    ["push hello"],
    ["gateway --http 127.0.0.1:0 --metrics 127.0.0.1:0 --log-level silent"],
    ["node --name lonely --log-level silent"],
  ])("`narun %s` says so in one line", async (words) => {
    const { code, stdout, stderr } = await narun([...words.split(" "), "--nats", url], { cwd: folder.dir });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^narun: NATS has no JetStream[^\n]*-js[^\n]*\n$/);
  });
});
