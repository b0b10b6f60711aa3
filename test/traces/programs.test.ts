/** The spans of programs and of consumers that are not deployed: each finds its own place in the trace. */
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { afterAll, expect, it } from "vitest";
import { startNarun } from "../../cli/testing/narun.ts";
import { createWorkFolder } from "../../cli/testing/work-folder.ts";
import { serve } from "../../runtime/serve/index.ts";
import { startTraces } from "../../traces/index.ts";
import { eventually } from "../harness/eventually.ts";
import { startOtlpReceiver } from "../harness/otlp-receiver.ts";
import { programSource } from "../harness/program.ts";
import { startWorld } from "../harness/world.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());

const collector = closers.use(await startOtlpReceiver());
const traces = await startTraces(
  { url: collector.url, headers: {}, sampler: "parentbased_always_on", ratio: 1 },
  { attributes: {}, log: pino({ level: "silent" }) },
);
closers.defer(() => traces.close());
const world = closers.use(
  await startWorld({ gateway: { traces }, nodeArguments: ["--otlp", collector.url] }),
);

let last = 0x20;
const newTrace = () => (last++).toString(16).repeat(16);
const parentOf = (traceId: string, flags = "01") => `00-${traceId}-00f067aa0ba902b7-${flags}`;
const SLOW = { timeoutMs: 25_000 };

/** The span of the service, which has to be the child of the gateway's, and the context that the handler got. */
async function spanOf(name: string, path: string, init: RequestInit = {}) {
  const traceId = newTrace();
  const answer = await world.call(path, { ...init, headers: { traceparent: parentOf(traceId) } });
  const spans = await collector.trace(traceId, [`run ${name}`, `${init.method ?? "GET"} /${name}/*`]);
  const own = spans.filter((span) => span.name === `run ${name}`);
  const root = spans.find((span) => span.name === `${init.method ?? "GET"} /${name}/*`);
  expect(own).toHaveLength(1);
  const [run] = own;
  if (run === undefined) throw new Error("it has one");
  expect(run).toMatchObject({ kind: 2, service: name, parentId: root?.spanId });
  return { answer, run, parent: `00-${traceId}-${run.spanId}-01` };
}

const program = { mode: "exec", command: "server.mjs", limits: { startMs: 20_000 } };

it("are made of the requests of a program, in header mode", async () => {
  const act = `if (body === "die") process.exit(3);
    answer(headers.Traceparent, { "X-Response-Status-Code": "202" });`;
  await world.push(
    "program",
    { "server.mjs": programSource({ act }) },
    { ...program, routes: [{ path: "/program/*" }] },
  );
  const { answer, run, parent } = await spanOf("program", "/program/x", { method: "PUT", body: "hi" });
  expect([answer.status, answer.text]).toEqual([202, parent]);
  expect(run.error).toBeUndefined();
  expect(run.attributes).toMatchObject({
    "http.request.method": "PUT",
    "http.response.status_code": 202,
    "faas.name": "program",
  });
  const lost = await spanOf("program", "/program/x", { method: "POST", body: "die" });
  expect(lost.answer).toMatchObject({ code: "CONSUMER_DIED" });
  expect(lost.run.error).toBe("CONSUMER_DIED");
  // A trace that is not recorded goes on as it came.
  const traceId = newTrace();
  const plain = await world.call("/program/x", { headers: { traceparent: parentOf(traceId, "00") } });
  expect(plain.text).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  const later = await spanOf("program", "/program/x");
  expect(later.answer.text).toBe(later.parent);
  expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
}, 90_000);

it("are made of the requests of a program, in binary HTTP", async () => {
  const sdk = fileURLToPath(new URL("../../runtime/serve/narun.ts", import.meta.url));
  const text = `#!${process.execPath}
    const { serve } = await import(${JSON.stringify(sdk)});
    await serve((request) => new Response(request.headers.get("traceparent"), { status: 203 }), { service: process.env.NARUN_APP_NAME });`;
  await world.push(
    "binary",
    { "server.mjs": text },
    { ...program, routes: [{ path: "/binary/*", wire: "bhttp" }] },
  );
  const { answer, run, parent } = await spanOf("binary", "/binary/x");
  expect([answer.status, answer.text]).toEqual([203, parent]);
  expect(run.attributes).toMatchObject({ "http.request.method": "GET", "http.response.status_code": 203 });
}, 60_000);

it("are made of the requests of `serve`, and the last ones leave with it", async () => {
  const consumer = await serve((request) => new Response(request.headers.get("traceparent")), {
    ...{ service: "served", nats: world.nats.url, signals: false, routes: ["/served/*"] },
    traces: { url: collector.url },
  });
  await eventually(async () => expect(await world.call("/served/x")).toMatchObject({ status: 200 }), SLOW);
  const { answer, run, parent } = await spanOf("served", "/served/x");
  expect(answer.text).toBe(parent);
  expect(run.attributes).toMatchObject({ "faas.instance": consumer.instance });
  const traceId = newTrace();
  await world.call("/served/x", { headers: { traceparent: parentOf(traceId) } });
  await consumer.close();
  expect(collector.spans.filter((span) => span.traceId === traceId)).toMatchObject([{ name: "run served" }]);
  const wrong = { service: "wrong", nats: world.nats.url, traces: { url: "collector:4318" } };
  await expect(serve(() => new Response(), wrong)).rejects.toThrow(/traces\.url/);
}, 60_000);

it("are made of the requests of `narun run`", async () => {
  await using folder = await createWorkFolder({
    "server.mjs": `import { createServer } from "node:http";
      createServer((request, response) => response.end(request.headers.traceparent)).listen(Number(process.env.PORT), "127.0.0.1");`,
  });
  await using running = startNarun(
    [
      ...["run", "--service", "plain", "--route", "/plain/*", "--nats", world.nats.url],
      ...["--otlp", collector.url, "--", process.execPath, "server.mjs"],
    ],
    { cwd: folder.dir, limitMs: 60_000 },
  );
  await running.shows(/listens on port/);
  await eventually(async () => expect(await world.call("/plain/x")).toMatchObject({ status: 200 }), SLOW);
  const { answer, parent } = await spanOf("plain", "/plain/x");
  expect(answer.text).toBe(parent);
}, 90_000);
