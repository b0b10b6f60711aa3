import { once } from "node:events";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../../test/harness/eventually.ts";
import { programSource } from "../../test/harness/program.ts";
import { FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { allEnded, processesWith } from "../testing/processes.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

/** Resolves with the URL when the first build is live. */
async function urlOf(dev: Narun): Promise<string> {
  const [, url = ""] = await dev.shows(/^live {2}hello {2}[0-9a-f]{12} {2}\d+ ms {2}(http:\S+)$/m);
  return url;
}

async function textOf(url: string): Promise<string> {
  return (await fetch(url)).text();
}

/** Asks until the answer is `expected`. */
async function answers(url: string, expected: string): Promise<void> {
  while ((await textOf(url)) !== expected);
}

test("from `narun init` to a function whose next saves go live", async () => {
  await using folder = await createWorkFolder();
  const init = await narun(["init", "hello"], { cwd: folder.dir });
  expect(init).toMatchObject({ code: 0, stdout: expect.stringContaining("created hello/index.ts\n") });
  expect(init.stderr).toContain("cd hello && narun dev");

  await using dev = startNarun(["dev", ...FREE_PORTS], { cwd: folder.path("hello") });
  const url = await urlOf(dev);
  expect(dev.stdout).toMatch(/^http {5}http:\/\/127\.0\.0\.1:\d+$/m);
  expect(await textOf(url)).toBe("Hello, world!\n");

  for (let save = 1; save <= 5; save++) {
    await folder.write("hello/index.ts", answering(`save ${save}`));
    await answers(url, `save ${save}`);
  }
});

test("a path is answered 503 until its first push is live, and 404 only where none has it", async () => {
  await using folder = await createWorkFolder({
    "hello/index.ts": answering("one"),
    "broken/index.ts": "export default () => new Response(;\n",
  });
  await using dev = startNarun(["dev", ...FREE_PORTS], { cwd: folder.dir });
  const [, base = ""] = await dev.shows(/^http {5}(http:\S+)$/m);
  const statuses = new Set<number>();
  while (!statuses.has(200)) statuses.add((await fetch(`${base}/hello`)).status);
  expect(statuses).not.toContain(404);
  await dev.shows(/^live {2}hello /m);
  await dev.shows(/failed {2}broken: The function does not build/);
  await eventually(async () => expect((await fetch(`${base}/broken`)).status).toBe(404));
});

test("a save closes the WebSockets of the code that it replaces with 1012", async () => {
  const socket = (word: string) => `
    export default () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.send("${word}");
      return new Response(null, { status: 101, webSocket: client });
    };
  `;
  await using folder = await createWorkFolder({ "hello/index.ts": socket("old") });
  await using dev = startNarun(["dev", "hello", ...FREE_PORTS], { cwd: folder.dir });
  const url = (await urlOf(dev)).replace("http", "ws");
  const client = new WebSocket(url);
  const closed = once(client, "close");
  expect(String((await once(client, "message"))[0])).toBe("old");
  await folder.write("hello/index.ts", socket("new"));
  await dev.shows(/^live {2}hello .*\n(?:.*\n)*live {2}hello /m);
  // Otherwise it would be closed at the end of the drain, which is longer than the command may run here.
  expect((await closed)[0]).toBe(1012);
  const next = new WebSocket(url);
  expect(String((await once(next, "message"))[0])).toBe("new");
  next.terminate();
});

test("what does not build or start is shown, the old code goes on answering, and the correction goes live", async () => {
  await using folder = await createWorkFolder({
    "hello/index.ts": answering("one"),
    "hello/narun.yaml": "env:\n  - name: GREETING\n    value: Hello\n",
  });
  await using dev = startNarun(["dev", "hello", ...FREE_PORTS], { cwd: folder.dir });
  const url = await urlOf(dev);
  expect(await textOf(url)).toBe("one");

  await folder.write("hello/index.ts", "export default () => {\n  return new Response(;\n};\n");
  await dev.shows(/failed {2}hello: The function does not build: hello\/index\.ts:2:\d+: /);
  expect(dev.stderr).toMatch(/^ {2}2 \| {3}return new Response\(;\n {4}\| +\^$/m);
  expect(await textOf(url)).toBe("one");

  await folder.write(
    "hello/index.ts",
    "const settings = undefined as any;\nexport default settings.handler;\n",
  );
  await dev.shows(
    /failed {2}hello: The new revision does not start.*'handler'\)\n +at index\.ts:2:\d+\nCorrect .*\nThe previous revision/,
  );
  expect(await textOf(url)).toBe("one");

  await folder.write(
    "hello/index.ts",
    "export default (_: Request, env: { GREETING: string }) => {\n  console.log('greeting', env.GREETING);\n  return new Response(env.GREETING);\n};\n",
  );
  await eventually(async () => expect(await textOf(url)).toBe("Hello"));
  await dev.shows(/^\d\d:\d\d:\d\d\.\d{3} hello info {2}[0-9a-f]{8} greeting Hello$/m);

  await folder.write("hello/narun.yaml", "env:\n  - name: GREETING\n    valeu: Moin\n");
  await dev.shows(
    /failed {2}hello: narun\.yaml is not valid: [\s\S]*hello\/narun\.yaml:3: unknown key "valeu"; did you mean "value"\?/,
  );
  expect(await textOf(url)).toBe("Hello");
  await folder.write("hello/narun.yaml", "env:\n  - name: GREETING\n    value: Moin\n");
  await eventually(async () => expect(await textOf(url)).toBe("Moin"));

  const started = dev.descendants();
  dev.kill("SIGINT");
  expect((await dev.ended).code).toBe(0);
  await allEnded(started);
});

test("a failure has its function and its fix; before anything was live, nothing is said to answer", async () => {
  await using folder = await createWorkFolder({
    "hello/index.ts": answering("hello"),
    "hello/narun.yaml": "bindings:\n  - name: KEY\n    secret: api-key\n",
  });
  await using dev = startNarun(["dev", "hello", ...FREE_PORTS], { cwd: folder.dir });
  await dev.shows(/failed {2}hello: The new revision does not start.*api-key.*narun secret set/);
  await folder.write("hello/index.ts", "nonsense is not TypeScript\n");
  await dev.shows(/failed {2}hello: The function does not build[\s\S]*\nCorrect the named place/);
  expect(dev.stderr).not.toContain("The previous revision still answers");
});

test("a function whose folder is new goes live, and one that waits for a secret when it is set", async () => {
  await using folder = await createWorkFolder({
    "functions/hello/index.ts": answering("hello"),
    "functions/pay/index.ts": "export default (_: Request, env: any) => new Response(env.KEY);\n",
    "functions/pay/narun.yaml": "bindings:\n  - name: KEY\n    secret: api-key\n",
  });
  const options = { cwd: folder.dir, limitMs: 60_000 };
  await using dev = startNarun(["dev", "functions", ...FREE_PORTS], options);
  await dev.shows(/^live {2}hello /m);
  await dev.shows(/failed {2}pay: The new revision does not start.*api-key/);
  const [, nats = ""] = await dev.shows(/^nats {5}(nats:\S+)$/m);
  expect(await narun(["init", "functions/fresh"], options)).toMatchObject({ code: 0 });
  await dev.shows(/^live {2}fresh /m);
  await folder.write("functions/deep/src/index.ts", answering("deep"));
  await dev.shows(/^live {2}deep /m);
  const set = ["secret", "set", "api-key", "--nats", nats];
  expect(await narun(set, { ...options, input: "s3cret" })).toMatchObject({ code: 0 });
  const [, url = ""] = await dev.shows(/^live {2}pay .* (http:\S+)$/m);
  expect(await textOf(url)).toBe("s3cret");
  dev.kill("SIGINT");
  expect((await dev.ended).code).toBe(0);
});

test("tells scripts of every push and every failure in one line", async () => {
  await using folder = await createWorkFolder({
    "functions/one/index.ts": answering("one"),
    "functions/two/index.ts": "nonsense is not TypeScript\n",
  });
  await using dev = startNarun(["dev", "functions", "--json", ...FREE_PORTS], { cwd: folder.dir });
  await eventually(() => expect(dev.stdout.split("\n").length).toBe(4));
  const [addresses, ...rest] = dev.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(addresses).toMatchObject({ http: expect.any(String), nats: expect.any(String) });
  expect(rest).toContainEqual({
    name: "one",
    answering: true,
    revision: expect.any(String),
    url: `${addresses.http}/one`,
    unchanged: false,
    tookMs: expect.any(Number),
    shadowedRoutes: [],
    warnings: [],
  });
  expect(rest).toContainEqual({
    folder: folder.path("functions/two"),
    error: expect.objectContaining({ code: "BUILD_FAILED" }),
  });
  dev.kill("SIGTERM");
  expect(await dev.ended).toMatchObject({ code: 0, stderr: "" });
});

test("logs go on after nats-server died and came back", async () => {
  await using folder = await createWorkFolder({
    "hello/index.ts":
      "export default (r: Request) => {\n  console.log(r.url);\n  return new Response();\n};\n",
  });
  await using dev = startNarun(["dev", "hello", ...FREE_PORTS], { cwd: folder.dir });
  const url = await urlOf(dev);
  await fetch(`${url}?before`);
  await dev.shows(/info .*\?before$/m);
  const [server] = processesWith(folder.path(".narun/data/nats/"));
  if (server === undefined) throw new Error("no nats-server runs");
  process.kill(server.pid, "SIGKILL");
  let count = 0;
  await eventually(
    async () => {
      await fetch(`${url}?after-${++count}`);
      expect(dev.stdout).toMatch(/info .*\?after-/);
    },
    { timeoutMs: 20_000 },
  );
  dev.kill("SIGINT");
  expect((await dev.ended).code).toBe(0);
});

test("says where there is nothing to run, before it starts anything", async () => {
  await using folder = await createWorkFolder({ "notes.txt": "" });
  const { code, stdout, stderr } = await narun(["dev", ...FREE_PORTS], { cwd: folder.dir });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^narun: [^\n]*neither \. nor a folder in it is a function[^\n]*\n$/);
});

test("a program goes live, and again at each save of a source of its build", async () => {
  const program = (text: string) => programSource({ act: `answer(${JSON.stringify(text)})` });
  await using folder = await createWorkFolder({
    "hello/src/main.mjs": program("one"),
    "hello/narun.yaml":
      "mode: exec\ncommand: server.mjs\nbuild: cp src/main.mjs server.mjs\nlimits: { startMs: 20000 }\n",
  });
  await using dev = startNarun(["dev", "hello", ...FREE_PORTS], { cwd: folder.dir });
  const url = await urlOf(dev);
  expect(await textOf(url)).toBe("one");
  await folder.write("hello/src/main.mjs", program("two"));
  await answers(url, "two");
});
