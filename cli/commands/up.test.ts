import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { FREE_PORTS, type Narun, narun, startNarun } from "../testing/narun.ts";
import { allEnded, processesWith } from "../testing/processes.ts";
import { answering, createWorkFolder, type WorkFolder } from "../testing/work-folder.ts";

const startUp = (folder: WorkFolder, ...args: string[]): Narun =>
  startNarun(["up", ...FREE_PORTS, "--data-dir", folder.path("data"), ...args], { cwd: folder.dir });

/** A stack frame of narun or Node. */
const NARUNS_OWN_STACK = /node:internal|file:\/\//;

interface Ready {
  http: string;
  metrics: string;
  nats: string;
  failed: { function: string; code: string; message: string }[];
}

async function ready(up: Narun): Promise<Ready> {
  const [line] = await up.shows(/^\{"http".*\}$/m);
  return JSON.parse(line);
}

/** Stops it in order, and checks that no process and no lock remain. */
async function stop(up: Narun, folder: WorkFolder, signal: NodeJS.Signals): Promise<void> {
  const started = up.descendants();
  // nats-server, the node-runner, its host.
  expect(started.length).toBeGreaterThanOrEqual(3);
  up.kill(signal);
  const { code, stderr } = await up.ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(NARUNS_OWN_STACK) });
  await expectNothingLeft(folder, started);
}

async function expectNothingLeft(folder: WorkFolder, started: Parameters<typeof allEnded>[0]): Promise<void> {
  await allEnded(started);
  expect(processesWith(folder.dir)).toEqual([]);
  expect(existsSync(folder.path("data/narun.lock"))).toBe(false);
}

test("prints addresses, functions and a curl line that works; SIGINT leaves nothing; the next start finds the data", async () => {
  await using folder = await createWorkFolder({
    "functions/hello/index.ts": answering("hi"),
    "functions/other/index.ts": answering("other"),
    "functions/broken/index.ts": "export default () => new Response(;\n",
    "functions/throwing/index.ts": "throw new Error('not today');\nexport default () => new Response();\n",
  });
  await using first = startUp(folder, "functions");
  await first.shows(/Ctrl-C stops everything/);

  const output = first.stdout;
  expect(output).toMatch(
    /^http {5}http:\/\/127\.0\.0\.1:\d+\ngrpc {5}127\.0\.0\.1:\d+\nmetrics {2}http:\S+\nnats {5}nats:\S+\n\nFUNCTION /,
  );
  expect(output).toMatch(/^hello {5}isolate {2}[0-9a-f]{12} +0 {2}asleep {2}http:\S+\/hello$/m);
  expect(output).toMatch(/^other .*\/other$/m);
  expect(output).not.toMatch(/^(broken|throwing) /m);
  const [, url = ""] = /^ {2}curl (\S+)$/m.exec(output) ?? [];
  expect(await (await fetch(url)).text()).toBe("hi");
  const [, metrics = ""] = /^metrics {2}(\S+)$/m.exec(output) ?? [];
  expect(await (await fetch(metrics)).text()).toContain("http_gateway_requests_total");
  // The other two are shown with their faults and places.
  expect(first.stderr).toMatch(/failed {2}functions\/broken: .*index\.ts:1:\d+: /);
  expect(first.stderr).toContain("1 | export default () => new Response(;");
  expect(first.stderr).toMatch(/failed {2}throwing: .*not today\n +at .*index\.ts:1/);
  // The output has no control sequences.
  expect(output + first.stderr).not.toContain("\x1b");
  await stop(first, folder, "SIGINT");

  await using second = startUp(folder, "--json");
  const { http } = await ready(second);
  expect(second.stdout).toMatch(/^[^\n]+\n$/);
  expect(await (await fetch(`${http}/hello`)).text()).toBe("hi");
  await stop(second, folder, "SIGTERM");
});

test("a path is answered 503 until its first push is live, and 404 only where none has it", async () => {
  await using folder = await createWorkFolder({ "functions/hello/index.ts": answering("hi") });
  await using up = startUp(folder, "functions", "--log-level", "info");
  const [, base = ""] = await up.shows(/"http":"(http:[^"]+)"/);
  const statuses = new Set<number>();
  while (!statuses.has(200)) statuses.add((await fetch(`${base}/hello`)).status);
  expect(statuses).not.toContain(404);
  await up.shows(/Ctrl-C stops everything/);
  expect((await fetch(`${base}/nowhere`)).status).toBe(404);
});

test("tells scripts its addresses and what failed in one line, when everything is ready", async () => {
  await using folder = await createWorkFolder({
    "functions/hello/index.ts": answering("hi"),
    "functions/broken/index.ts": "nonsense is not TypeScript\n",
  });
  await using up = startUp(folder, "functions", "--json");
  const addresses = await ready(up);
  expect(addresses).toEqual({
    http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    metrics: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    nats: expect.stringMatching(/^nats:\/\/127\.0\.0\.1:\d+$/),
    failed: [
      {
        function: "functions/broken",
        code: "BUILD_FAILED",
        message: expect.stringContaining("index.ts:1:"),
        solve: expect.any(String),
      },
    ],
    warnings: [],
  });
  expect(await (await fetch(`${addresses.http}/hello`)).text()).toBe("hi");
  await stop(up, folder, "SIGTERM");
  expect(up.stderr).toBe("");
});

test("finishes the requests under way before it ends", async () => {
  await using folder = await createWorkFolder({
    // Long enough to overlap with the drain on a busy machine, and shorter than the grace.
    "slow/index.ts":
      "export default async () => { await new Promise((r) => setTimeout(r, 5_000)); return new Response('done'); };\n",
  });
  await using up = startUp(folder, "slow", "--json");
  const { http } = await ready(up);
  const response = fetch(`${http}/slow`);
  await eventually(async () => {
    const { nats } = await ready(up);
    const { stdout } = await narun(["ps", "--json", "--nats", nats]);
    expect(JSON.parse(stdout)).toMatchObject([{ inFlight: 1 }]);
  });
  up.kill("SIGTERM");
  expect(await (await response).text()).toBe("done");
  expect((await up.ended).code).toBe(0);
});

test("ends event streams that heed a signal, and is done when they are", async () => {
  const events = (signal: string) => `
    export default (request: Request, env: unknown, ctx: { signal: AbortSignal }) => {
      const body = new ReadableStream({
        start(controller) {
          const say = (text: string) => controller.enqueue(new TextEncoder().encode("data: " + text + "\\n\\n"));
          say("first");
          ${signal}.addEventListener("abort", () => {
            say("last");
            controller.close();
          });
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
  `;
  await using folder = await createWorkFolder({
    "by-context/index.ts": events("ctx.signal"),
    "by-request/index.ts": events("request.signal"),
  });
  await using up = startUp(folder, ".", "--json");
  const { http } = await ready(up);
  const streams = await Promise.all(["by-context", "by-request"].map((name) => fetch(`${http}/${name}`)));
  const startedAt = performance.now();
  up.kill("SIGINT");
  for (const stream of streams) expect(await stream.text()).toBe("data: first\n\ndata: last\n\n");
  expect((await up.ended).code).toBe(0);
  // A drain with an unfinished request takes 30 s.
  expect(performance.now() - startedAt).toBeLessThan(15_000);
});

test("killed, it takes its node-runner and hosts along, and the next start ends its nats-server", async () => {
  await using folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
  await using first = startUp(folder, "hello", "--json");
  const { http } = await ready(first);
  await fetch(`${http}/hello`);
  const started = first.descendants();
  const [server] = processesWith(`${folder.path("data")}/nats/`);
  if (server === undefined) throw new Error("no nats-server runs");
  first.kill("SIGKILL");
  await first.ended;
  await allEnded(started.filter(({ pid }) => pid !== server.pid));

  await using second = startUp(folder, "--json");
  const again = await ready(second);
  await allEnded([server]);
  expect(await (await fetch(`${again.http}/hello`)).text()).toBe("hi");
  await stop(second, folder, "SIGINT");
});

test("refuses a data folder that another narun runs on, in one line", async () => {
  await using folder = await createWorkFolder();
  await using first = startUp(folder, "--json");
  await ready(first);
  const before = first.descendants();

  await using second = startUp(folder);
  const { code, stdout, stderr } = await second.ended;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(
    /^narun: Another narun runs on this data folder: process \d+ holds [^\n]+--data-dir\.\n$/,
  );
  expect(first.descendants()).toEqual(before);
});

test("says which address is taken, and leaves nothing behind", async () => {
  await using folder = await createWorkFolder();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const taken = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    for (const [option, value] of [
      ["--http", taken],
      ["--metrics", taken],
      ["--nats-port", taken.split(":")[1] ?? ""],
    ] as const) {
      await using up = startUp(folder, option, value);
      const { code, stdout, stderr } = await up.ended;
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^narun: The address is taken: [^\n]+\n$/);
      expect(stderr).toContain(taken);
      expect(stderr).toContain(option);
      await expectNothingLeft(folder, []);
    }
  } finally {
    server.close();
  }
});

test("stops in the middle of its start", async () => {
  await using folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
  const moments: ((up: Narun) => boolean)[] = [
    () => existsSync(folder.path("data/narun.lock")),
    () => processesWith(folder.path("data/nats/")).length > 0,
    () => processesWith(folder.path("data/cache")).length > 0,
    (up) => up.descendants().length > 3,
  ];
  for (const hasCome of moments) {
    await using up = startUp(folder, "hello");
    await eventually(() => {
      if (!hasCome(up)) throw new Error("not yet");
    });
    const started = up.descendants();
    up.kill("SIGINT");
    const { code, stderr } = await up.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(NARUNS_OWN_STACK) });
    await expectNothingLeft(folder, started);
  }
});

test("a second Ctrl-C ends everything at once, though a request is under way", async () => {
  await using folder = await createWorkFolder({
    "endless/index.ts": "export default () => new Promise(() => setTimeout(() => undefined, 60_000));\n",
  });
  await using up = startUp(folder, "endless", "--json");
  const { http, nats } = await ready(up);
  const response = fetch(`${http}/endless`).then(
    () => "answered",
    () => "cut off",
  );
  await eventually(async () => {
    const { stdout } = await narun(["ps", "--json", "--nats", nats]);
    expect(JSON.parse(stdout)).toMatchObject([{ inFlight: 1 }]);
  });
  const started = up.descendants();
  let exitCode: number | null | undefined;
  void up.ended.then(({ code }) => {
    exitCode = code;
  });
  // Signals within half a second of the first count as the same.
  await eventually(() => {
    up.kill("SIGINT");
    expect(exitCode).toBe(1);
  });
  expect(await response).toBe("cut off");
  await allEnded(started);
});

test("says that no function is there yet", async () => {
  await using folder = await createWorkFolder();
  await using up = startUp(folder);
  await up.shows(/No functions yet\..*narun init hello/);
  await stop(up, folder, "SIGTERM");
  expect((await up.ended).stdout).not.toContain("FUNCTION");
});
