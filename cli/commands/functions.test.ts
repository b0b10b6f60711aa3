/** The commands about functions, on a world that `narun up` started. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { eventually } from "../../test/harness/eventually.ts";
import {
  type Ended,
  FREE_PORTS,
  type Narun,
  type NarunOptions,
  narun,
  startNarun,
} from "../testing/narun.ts";
import { answering, createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

let folder: WorkFolder;
let up: Narun;
let nats: string;
let http: string;

beforeAll(async () => {
  folder = await createWorkFolder({
    "hello/index.ts": answering("one\n"),
    "echo/index.ts": `
      export default async (request: Request) => {
        console.log(request.method, new URL(request.url).pathname);
        const headers = { "x-method": request.method, "x-url": request.url };
        return new Response(await request.arrayBuffer(), { headers });
      };`,
    "broken/index.ts": "export default () => new Response(;\n",
    "failing/index.ts": "export default () => { throw new Error('it fails'); };\n",
  });
  up = startNarun(["up", ...FREE_PORTS, "--data-dir", folder.path("data"), "--json"], {
    cwd: folder.dir,
    limitMs: 600_000,
  });
  const [line] = await up.shows(/^\{"http".*\}$/m);
  ({ nats, http } = z.object({ nats: z.string(), http: z.string() }).parse(JSON.parse(line)));
});
afterAll(async () => {
  up.kill("SIGTERM");
  await up.ended;
  await up[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** A command on this world, in the folder of the functions. A variable has the address of NATS. */
const run = (args: string[], options: NarunOptions = {}): Promise<Ended> =>
  narun(args, { cwd: folder.dir, ...options, env: { NARUN_NATS_URL: nats, ...options.env } });

/** The output of a successful command, without control sequences. */
async function output(args: string[], options: NarunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toContain("\x1b");
  return stdout;
}

async function json(args: string[], options: NarunOptions = {}): Promise<unknown> {
  return JSON.parse(await output([...args, "--json"], options));
}

/** The message of a failed command, in one line. */
async function failure(args: string[], code = 1): Promise<string> {
  const ended = await run(args);
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
  expect(ended.stderr).toMatch(/^narun: [^\n]+\n$/);
  return ended.stderr;
}

const REVISION = expect.stringMatching(/^[0-9a-f]{64}$/);
const MOMENT = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

describe("while nothing is there", () => {
  test("every list says so, and is an empty array for scripts", async () => {
    const [ls, ps, logs] = await Promise.all([run(["ls"]), run(["ps"]), run(["logs", "--since", "5m"])]);
    expect(ls).toEqual({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(/^No functions yet.*narun push/),
    });
    expect(ps).toEqual({ code: 0, stdout: "", stderr: expect.stringMatching(/^Nothing runs/) });
    expect(logs).toEqual({ code: 0, stdout: "", stderr: "Nothing was logged in the last 5m.\n" });
    expect(await json(["ls"])).toEqual([]);
    expect(await json(["ps"])).toEqual([]);
    expect(await output(["logs", "--json"])).toBe("");
    expect((await run(["ls", "--quiet"])).stderr).toBe("");
  });
});

describe("build", () => {
  test("prints name, digest, size, time and what weighs most", async () => {
    const stdout = await output(["build", "hello"]);
    expect(stdout).toMatch(/^hello {2}[0-9a-f]{12} {2}\d+ B {2}\d+ ms\n +\d+ B {2}index\.ts\n$/);
    expect(await json(["build", "hello"])).toMatchObject({
      name: "hello",
      revision: REVISION,
      size: expect.any(Number),
      elapsedMs: expect.any(Number),
      heaviest: [{ path: "index.ts", bytes: expect.any(Number) }],
    });
  });

  test("goes on with the others where one of a folder does not build, and fails", async () => {
    const { code, stdout, stderr } = await run(["build", "."]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^echo .*\n[\s\S]*^failing .*\n[\s\S]*^hello /m);
    expect(stderr).toMatch(/^failed {2}broken: .*broken\/index\.ts:1:35: [\s\S]*1 \| export default/);
    expect(stderr).toMatch(/\nCorrect the named place in the source\.\n$/);
  });

  test("names the nearest key, and the line, of a misspelt one", async () => {
    await folder.write("misspelt/index.ts", answering(""));
    await folder.write("misspelt/narun.yaml", "name: misspelt\nscale:\n  mxa: 3\n");
    expect(await failure(["build", "misspelt"])).toContain(
      'misspelt/narun.yaml:3: unknown key "mxa"; did you mean "max"?',
    );
  });

  test("says where there is no function", async () => {
    expect(await failure(["build", "data"])).toContain("neither data nor a folder in it is a function");
    expect(await failure(["push", "nowhere"])).toContain("nowhere is no folder");
  });
});

describe("push, list, roll back, remove", () => {
  test("a function goes live, changes, comes back and goes", async () => {
    const first = z
      .object({
        name: z.literal("hello"),
        revision: z.string(),
        url: z.string(),
        unchanged: z.literal(false),
      })
      .parse(await json(["push", "hello"]));
    expect(first.url).toBe(`${http}/hello`);
    expect(await (await fetch(first.url)).text()).toBe("one\n");
    expect(await json(["push", "hello"])).toMatchObject({ ...first, unchanged: true });
    expect(await output(["push", "hello"])).toBe(
      `hello  ${first.revision.slice(0, 12)}  unchanged  ${first.url}\n`,
    );

    await folder.write("hello/index.ts", answering("two\n"));
    expect(await output(["push", "hello"])).toMatch(/^hello {2}[0-9a-f]{12} {2}live {2}http:\S+\/hello\n$/);
    expect(await (await fetch(first.url)).text()).toBe("two\n");

    await folder.write(
      "hello/index.ts",
      "const settings = undefined as any;\nexport default settings.handler;\n",
    );
    const { code, stdout, stderr } = await run(["push", "hello"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^narun: The new revision does not start; nothing has changed: TypeError: .*'handler'\)\n +at index\.ts:2:\d+\n/,
    );
    expect(await (await fetch(first.url)).text()).toBe("two\n");

    const revisions = z
      .array(z.object({ revision: z.string(), active: z.boolean(), pushedAt: z.string(), size: z.number() }))
      .parse(await json(["revisions", "hello"]));
    expect(revisions.map(({ active }) => active)).toEqual([true, false]);
    expect(revisions).toMatchObject([{ pushedAt: MOMENT }, { revision: first.revision }]);
    const live = revisions[0]?.revision ?? "";
    expect(await output(["revisions", "hello"])).toMatch(
      /^REVISION +LIVE +SIZE +PUSHED\n[0-9a-f]{12} {2}live +\d+ B +\d+s ago\n[0-9a-f]{12} +\d+ B +\d+s ago\n$/,
    );

    expect(await output(["rollback", "hello"])).toBe(
      `hello  ${first.revision.slice(0, 12)}  live (was ${live.slice(0, 12)})\n`,
    );
    expect(await (await fetch(first.url)).text()).toBe("one\n");
    expect(await json(["rollback", "hello", "--to", live.slice(0, 6)])).toEqual({
      name: "hello",
      revision: live,
      from: first.revision,
      answering: true,
    });
    expect(await failure(["rollback", "hello", "--to", "0000"])).toContain("narun revisions");

    expect(await json(["rm", "hello"])).toEqual({ name: "hello", removed: true });
    expect(await failure(["rm", "hello"])).toContain("No function has this name: hello.");
  });

  test("goes on with the others where one of a folder does not start", async () => {
    const { code, stdout, stderr } = await run(["push", "."]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^echo .* live .*\n[\s\S]*^failing .* live /m);
    expect(stderr).toMatch(/broken\/index\.ts:1:35/);
  });
});

describe("with a function that runs", () => {
  beforeAll(async () => {
    await output(["push", "echo"]);
    await fetch(`${http}/echo`);
  });

  test("ls shows it, and scripts get every key", async () => {
    expect(await json(["ls"])).toContainEqual({
      name: "echo",
      mode: "isolate",
      revision: REVISION,
      url: `${http}/echo`,
      instances: 1,
      state: "running",
    });
    expect(await output(["ls"])).toMatch(/^echo +isolate {2}[0-9a-f]{12} +1 {2}running {2}http:\S+\/echo$/m);
  });

  test("ps shows its instance", async () => {
    const instances = z.array(z.looseObject({ function: z.string() })).parse(await json(["ps"]));
    expect(instances.find(({ function: name }) => name === "echo")).toEqual({
      function: "echo",
      instance: expect.any(String),
      node: expect.any(String),
      revision: REVISION,
      mode: "isolate",
      state: "ready",
      inFlight: 0,
      requests: expect.any(Number),
      startedAt: MOMENT,
    });
    expect(await output(["ps"])).toMatch(
      /^echo {2,}\w+ {2,}\S+ {2,}[0-9a-f]{12} {2,}isolate {2,}ready +0 +\d+ +\d+s$/m,
    );
  });

  test("nodes shows the node", async () => {
    expect(await json(["nodes"])).toMatchObject([
      {
        node: expect.any(String),
        state: "running",
        os: expect.any(String),
        arch: expect.any(String),
        instances: expect.any(Number),
        labels: {},
      },
    ]);
    expect(await output(["nodes"])).toMatch(
      /^NODE .*\n\S+ +running +\w+\/\w+ +isolate[\w,]* +\d+ +- +\d+s ago\n$/,
    );
  });

  test("doctor finds all that is needed", async () => {
    const checks = z.array(z.object({ check: z.string(), ok: z.boolean() })).parse(await json(["doctor"]));
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.length).toBeGreaterThanOrEqual(7);
  });
});

describe("invoke", () => {
  test("sends the header fields that were given, repeated ones too", async () => {
    await folder.write(
      "fields/index.ts",
      `export default ({ headers }: Request) => new Response(headers.get("accept") + "|" + headers.get("x-tag"));\n`,
    );
    await output(["push", "fields"]);
    const fields = ["-H", "accept: text/html", "-H", "X-Tag: a", "-H", "x-tag:b"];
    expect(await output(["invoke", "fields", ...fields])).toBe("text/html|a, b");
    await output(["rm", "fields"]);
  });

  test("sends the UTF-8 of path, query and header fields, and the scheme that a field names", async () => {
    await folder.write(
      "told/index.ts",
      `export default ({ headers, url }: Request) => {
        const bytes = Uint8Array.from(headers.get("x-tag") ?? "", (letter) => letter.charCodeAt(0));
        return new Response(url + "|" + new TextDecoder().decode(bytes));
      };\n`,
    );
    await output(["push", "told"]);
    const fields = ["-H", "X-Tag: č", "-H", "X-Forwarded-Proto: https", "-H", "Host: there.example"];
    expect(await output(["invoke", "told", "--path", "/told/ž?q=č", ...fields])).toBe(
      "https://there.example/told/%C5%BE?q=%C4%8D|č",
    );
    await output(["rm", "told"]);
  });

  test("sends a text, a file or standard input, and gives back the bytes of the answer", async () => {
    await folder.write("body.txt", "from a file");
    expect(await output(["invoke", "echo", "--data", "text"])).toBe("text");
    expect(await output(["invoke", "echo", "--data", "@body.txt"])).toBe("from a file");
    expect(await output(["invoke", "echo", "--data", "-"], { input: "from a pipe" })).toBe("from a pipe");
    expect(await output(["invoke", "echo"])).toBe("");
  });

  test("gives streams as they are, and bodies of any size", async () => {
    await folder.write("large.txt", "narun ".repeat(2_000_000));
    const copy = await output(["invoke", "echo", "--data", "@large.txt"]);
    expect(copy === "narun ".repeat(2_000_000)).toBe(true);
  });

  test("chooses method, path and query, and tells scripts status, header fields and body", async () => {
    const reply = await json(["invoke", "echo", "--method", "put", "--path", "/echo/a?b=c", "--data", "x"]);
    expect(reply).toMatchObject({ status: 200, headers: { "X-Method": ["PUT"] }, body: "x" });
    expect(JSON.stringify(reply)).toContain("/echo/a?b=c");
    const binary = await json(["invoke", "echo", "--data", "-"], { input: Buffer.from([255, 0]) });
    expect(binary).toMatchObject({ bodyBase64: "/wA=" });
  });

  test("calls the handlers of triggers", async () => {
    await folder.write(
      "triggered/index.ts",
      `export default {
        scheduled: ({ cron }) => ({ ran: cron }),
        queue: ({ queue, messages: [one] }) => { if (queue + one.body.id === "ORDERS7") one.retry({ delaySeconds: 3 }); },
        message: (message) => message.subject + " " + message.headers["X-Tag"] + " " + message.text(),
      };\n`,
    );
    await folder.write(
      "triggered/narun.yaml",
      "schedule: '@hourly'\nconsume: ORDERS\nsubscribe: [orders.*, orders.new]\n",
    );
    expect(await run(["push", "triggered"])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("QUEUE_STREAM_MISSING"),
    });
    const call = (...args: string[]) => output(["invoke", "triggered", "--trigger", ...args]);
    expect(JSON.parse(await call("schedule"))).toEqual({ result: { ran: "@hourly" } });
    expect(JSON.parse(await call("queue", "--data", '{"id":7}'))).toEqual({
      verdicts: [{ retry: { delaySeconds: 3 } }],
    });
    expect(await call("message", "--data", "hello", "-H", "x-tag: a")).toBe("orders.new a hello");
    expect(await call("message", "--subject", "other", "-H", "x-tag: a")).toBe("other a ");
    expect(await failure(["invoke", "triggered", "--trigger", "clock"], 2)).toContain(
      "schedule, queue, message",
    );
    await output(["rm", "triggered"]);
  });

  test("fails where the function does, with the code", async () => {
    expect(await failure(["invoke", "failing"])).toMatch(/^narun: 500 HANDLER_THREW: .*narun logs/);
    const { code, stdout } = await run(["invoke", "failing", "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ status: 500, code: "HANDLER_THREW" });
  });

  test("says at once that there is no such function, and no such file", async () => {
    expect(await failure(["invoke", "ecoh"])).toContain('ecoh; did you mean "echo"?');
    expect(await failure(["invoke", "no name"])).toContain("No function has this name");
    expect(await failure(["invoke", "echo", "--data", "@nowhere"], 2)).toContain("--data: ENOENT");
  });
});

describe("logs", () => {
  test("shows what a function printed and why it failed, with the author's own places", async () => {
    await run(["invoke", "failing"]);
    await output(["invoke", "echo", "--path", "/echo/logged"]);
    await eventually(async () => {
      const stdout = await output(["logs", "--since", "10m"]);
      expect(stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{3} echo +info {2}[0-9a-f]{8} GET \/echo\/logged$/m);
      expect(stdout).toMatch(
        /^\d\d:\d\d:\d\d\.\d{3} failing +error [0-9a-f]{8} Error: it fails\n +at .*index\.ts:1:\d+/m,
      );
    });
    expect(await output(["logs", "echo"])).not.toContain("it fails");
    const [line = ""] = (await output(["logs", "failing", "--json"])).split("\n");
    expect(JSON.parse(line)).toMatchObject({ app_name: "failing", stream: "stderr", level: "error" });
    const quiet = await run(["logs", "echo", "--since", "0s"]);
    expect(quiet).toMatchObject({ code: 0, stdout: "", stderr: "Nothing was logged in the last 0s.\n" });
  });

  test("follows, until it is stopped or nobody reads", async () => {
    await using following = startNarun(["logs", "echo", "-f", "--since", "0s", "--nats", nats]);
    let count = 0;
    await eventually(async () => {
      await output(["invoke", "echo", "--path", `/echo/followed-${++count}`]);
      expect(following.stdout).toContain("/echo/followed-");
    });
    following.kill("SIGINT");
    expect(await following.ended).toMatchObject({ code: 0, stderr: "" });

    await using unread = startNarun(["logs", "-f", "--nats", nats]);
    await unread.shows(/followed-1/);
    unread.child.stdout?.destroy();
    await eventually(async () => {
      await output(["invoke", "echo"]);
      expect(unread.child.exitCode).toBe(0);
    });
    expect(unread.stderr).toBe("");
  });

  test("names the nearest function, also before it follows one in vain", async () => {
    expect(await failure(["logs", "ehco"])).toContain('did you mean "echo"?');
    expect(await failure(["logs", "ehco", "-f"])).toContain('did you mean "echo"?');
  });
});
