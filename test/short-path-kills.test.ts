/** kill -9 of one side of the socket between a gateway and a host, with many requests under way. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { headerNames, subjects } from "../contracts/index.ts";
import { createHeaders, headerValue } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { openGateUntil } from "./harness/gated.ts";
import { startHeldServer } from "./harness/held-server.ts";
import { startSocketLink } from "./harness/socket-link.ts";
import { begun, seen, watched } from "./harness/watched-streams.ts";
import { readAnswer, startWorld } from "./harness/world.ts";

const world = await startWorld({ gateway: { shortPath: "auto" } });
afterAll(() => world[Symbol.asyncDispose]());

const scale = { idleSeconds: 300, concurrency: 10_000 };
/** A request without an answer ends only after the test has failed. */
const limits = { timeoutMs: 120_000 };

/** Answers with the id of the request, when its gate is open. `?begun` and `?posts` count the requests that have begun. */
const waiting = `
  const gate = Promise.withResolvers();
  let [begun, posts] = [0, 0];
  export default async (request) => {
    const { search } = new URL(request.url);
    if (search === "?open") gate.resolve();
    if (search === "?begun") return new Response(String(begun));
    if (search === "?posts") return new Response(String(posts));
    if (search === "?open" || search === "?warm") return new Response("at once");
    begun += 1;
    if (request.method === "POST") posts += 1;
    await gate.promise;
    return new Response(request.method + search);
  };
`;

/** A request without a connection of its own. */
async function invoke(name: string, method: string, id: number): Promise<string> {
  const headers = createHeaders([
    [headerNames.method, method],
    [headerNames.query, String(id)],
  ]);
  const reply = await world.connection.request(subjects.invoke(name), "", { headers, timeoutMs: 120_000 });
  return `${headerValue(reply.headers, headerNames.responseStatus)} ${reply.text()}`;
}

const COUNT = 10_000;

it("the host dies with 10,000 requests under way: none is answered wrongly, and no POST runs twice", async () => {
  await world.push("many", waiting, { scale, limits });
  await world.call("/many?warm");
  await eventually(async () => expect((await world.call("/many?warm")).status).toBe(200));
  const methodOf = (id: number) => (id % 4 === 0 ? "POST" : "GET");
  const answers = Promise.all(Array.from({ length: COUNT }, (_, id) => invoke("many", methodOf(id), id)));
  const allBegun = async () => expect(await world.ps("many")).toMatchObject([{ inFlight: COUNT }]);
  await eventually(allBegun, { timeoutMs: 60_000 });
  process.kill(await world.hostPid("many"), "SIGKILL");
  for (const [id, answer] of (await openGateUntil(world, "many", answers)).entries()) {
    if (methodOf(id) === "GET") expect(answer).toBe(`200 GET?${id}`);
    else expect(answer).toMatch(/^502 /);
  }
  expect((await world.call("/many?posts")).text).toBe("0");
}, 180_000);

it("the host dies, and half of an answer has come", async () => {
  await world.push("half", waiting, { scale, limits });
  await world.call("/half?warm");
  const ready = await world.announced("half", "ready");
  await using link = await startSocketLink((ready.state === "ready" && ready.socket?.path) || "");
  const gateway = await world.startGateway({ shortPath: "auto" });
  const call = async (method: string) => readAnswer(await fetch(`${gateway.httpUrl}/half?id`, { method }));
  // The first requests may go over NATS, while the gateway connects.
  await eventually(async () => {
    expect((await fetch(`${gateway.httpUrl}/half?warm`)).status).toBe(200);
    expect(link.carried("/half\nwarm")).toBe(true);
  });
  const answers = Promise.all([call("GET"), call("POST")]);
  await eventually(async () => expect((await world.call("/half?begun")).text).toBe("2"));
  link.lose("to-gateway", 30);
  await world.call("/half?open");
  await link.lost("GET?id");
  process.kill(await world.hostPid("half"), "SIGKILL");
  const [get, post] = await openGateUntil(world, "half", answers);
  expect(get).toMatchObject({ status: 200, text: "GET?id" });
  expect(post).toMatchObject({ status: 502 });
  expect((await world.call("/half?posts")).text).toBe("0");
});

it("the gateway dies: streams of its clients end, requests run to their end, and others are served", async () => {
  await world.push("fn", watched, { scale, limits });
  await world.push("wait", waiting, { scale, limits });
  await Promise.all([seen(world), world.call("/wait?warm")]);
  const gateway = await startGatewayProcess();
  const ask = (path: string) => fetch(gateway.url + path).catch(() => undefined);
  await eventually(async () => expect((await ask("/wait?warm"))?.status).toBe(200));
  await begun(world, "/fn/events?n=killed", gateway.url);
  const lost = Array.from({ length: 20 }, (_, id) => ask(`/wait?${id}`));
  await eventually(async () => expect((await world.call("/wait?begun")).text).toBe("20"));
  gateway.process.kill("SIGKILL");
  await once(gateway.process, "exit");
  await eventually(async () => expect((await seen(world)).aborted).toContain("killed"));
  expect(await world.call("/wait?open")).toMatchObject({ status: 200 });
  await eventually(async () => expect(await world.ps("wait")).toMatchObject([{ inFlight: 0 }]));
  expect(await Promise.all(lost)).toEqual(lost.map(() => undefined));
  expect(await world.call("/wait?again")).toMatchObject({ status: 200, text: "GET?again" });
});

it("the runner dies: requests under way are answered, once", async () => {
  await using held = await startHeldServer();
  await world.push("orphan", held.source, { scale, limits, ...held.config });
  await world.call("/orphan?warm");
  const post = (id: number) => world.call("/orphan", { method: "POST", body: String(id) });
  const answers = Promise.all(Array.from({ length: 20 }, (_, id) => post(id)));
  await eventually(() => expect(held.waiting).toHaveLength(20));
  await world.nodes[0]?.kill9();
  held.open();
  for (const [id, answer] of (await answers).entries())
    expect(answer).toMatchObject({ status: 200, text: `POST${id}` });
  expect(held.waiting).toHaveLength(20);
});

async function startGatewayProcess(): Promise<{ process: ChildProcess; url: string }> {
  const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
  const child = fork(
    main,
    [
      ...["gateway", "--nats", world.nats.url, "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
      ...["--json", "--log-level", "error"],
    ],
    { execArgv: [], stdio: ["ignore", "pipe", "inherit", "ipc"] },
  );
  const [line] = (await once(child.stdout ?? child, "data")) as [Buffer];
  const { http } = JSON.parse(line.toString()) as { http: string };
  return { process: child, url: http };
}
