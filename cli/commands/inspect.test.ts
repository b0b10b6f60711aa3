import { request } from "node:http";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { attachDebugger, placeInScript, readSourceMap } from "../testing/debugger.ts";
import { FREE_PORTS, type Narun, startNarun } from "../testing/narun.ts";
import { createWorkFolder } from "../testing/work-folder.ts";

const SOURCE = `import { double } from "./double.ts";
export default async (request: Request) => {
  const value: number = Number(new URL(request.url).searchParams.get("value"));
  const result = double(value);
  console.log("result", { result });
  return new Response(String(result));
};
`;
const FILES = {
  "hello/index.ts": SOURCE,
  "hello/double.ts": "export const double = (value: number): number => {\n  return 2 * value;\n};\n",
  // A breakpoint stands far longer than that.
  "hello/narun.yaml": "limits: { cpuMs: 50, timeoutMs: 400 }\n",
};

interface Target {
  id: string;
  title: string;
  url: string;
  webSocketDebuggerUrl: string;
}

async function startDev(cwd: string): Promise<{ dev: Narun; url: string; inspector: string }> {
  const dev = startNarun(["dev", "--inspect", "127.0.0.1:0", "hello", ...FREE_PORTS], { cwd });
  const [, inspector = ""] = await dev.shows(/^inspect {2}(http:\/\/127\.0\.0\.1:\d+)\/json\/list$/m);
  const [, url = ""] = await dev.shows(/^live {2}hello .* (http:\S+)$/m);
  return { dev, url, inspector };
}

/** The instance of an inspected function runs without a request. */
const targetOf = (inspector: string, except?: string): Promise<Target> =>
  eventually(async () => {
    const targets = (await (await fetch(`${inspector}/json/list`)).json()) as Target[];
    const found = targets.find(({ id }) => id !== except);
    if (targets.length !== 1 || found === undefined) throw new Error(`targets: ${JSON.stringify(targets)}`);
    return found;
  });

test("a debugger stops at a breakpoint in the author's file, looks and goes on", async () => {
  await using folder = await createWorkFolder(FILES);
  const { dev, url, inspector } = await startDev(folder.dir);
  await using _dev = dev;
  const target = await targetOf(inspector);
  expect(target).toMatchObject({
    title: expect.stringMatching(/^hello \(/),
    url: pathToFileURL(folder.path("hello")).href,
  });
  await using debug = await attachDebugger(target.webSocketDebuggerUrl);
  await debug.send("Runtime.enable");
  const { context } = await debug.event("Runtime.executionContextCreated");
  expect(context).toMatchObject({ name: "hello" });
  await debug.send("Debugger.enable");
  const script = await debug.event("Debugger.scriptParsed", ({ url }) => url === "narun:bundle");

  const map = readSourceMap(String(script.sourceMapURL));
  const place = placeInScript(map, /index\.ts$/, 4);
  expect(place.source).toBe(pathToFileURL(folder.path("hello/index.ts")).href);
  const { lineNumber, columnNumber } = place;
  const set = await debug.send("Debugger.setBreakpointByUrl", {
    url: "narun:bundle",
    lineNumber,
    columnNumber,
  });
  expect(set.locations).toHaveLength(1);

  const answer = fetch(`${url}?value=21`);
  const paused = await debug.event("Debugger.paused");
  const [frame] = paused.callFrames as unknown as [
    { callFrameId: string; location: { lineNumber: number; columnNumber: number } },
  ];
  expect(map.findEntry(frame.location.lineNumber, frame.location.columnNumber)).toMatchObject({
    originalSource: place.source,
    originalLine: 4,
  });
  const look = (expression: string) =>
    debug.send("Debugger.evaluateOnCallFrame", {
      callFrameId: frame.callFrameId,
      expression,
      returnByValue: true,
    });
  expect((await look("[value, result]")).result).toMatchObject({ value: [21, 42] });
  await look("result = 'changed'");
  // For longer than any limit of the function.
  const pausedAt = performance.now();
  while (performance.now() - pausedAt < 600) await look("value");
  await debug.send("Debugger.resume");
  expect(await (await answer).text()).toBe("changed");

  const printed = await debug.event("Runtime.consoleAPICalled");
  expect(printed).toMatchObject({ type: "log", args: [{ value: "result" }, { type: "object" }] });
  const evaluated = async (params: object) => (await debug.send("Runtime.evaluate", params)).result;
  expect(await evaluated({ expression: "6 * 7" })).toMatchObject({ value: 42 });
  const later = { expression: "await Promise.resolve('later')", replMode: true, awaitPromise: true };
  expect(await evaluated(later)).toMatchObject({ value: "later" });
  await expect(debug.send("Runtime.nonsense")).rejects.toThrow("wasn't found");

  // One debugger at a time. When it leaves, the function continues, even from a breakpoint.
  await expect(attachDebugger(target.webSocketDebuggerUrl)).rejects.toThrow("409");
  const left = fetch(`${url}?value=1`);
  await debug.event("Debugger.paused");
  debug.close();
  expect(await (await left).text()).toBe("2");
  await using next = await attachDebugger(target.webSocketDebuggerUrl);
  expect(await next.send("Runtime.enable")).toEqual({});

  // A save replaces the instance: the debugger is told, and finds the new one.
  await folder.write("hello/double.ts", "export const double = (value: number): number => 3 * value;\n");
  expect(await next.closed).toBe(1001);
  expect((await targetOf(inspector, target.id)).id).not.toBe(target.id);
  expect(await (await fetch(`${url}?value=1`)).text()).toBe("3");
  dev.kill("SIGINT");
  expect((await dev.ended).code).toBe(0);
});

/** Attaches, and calls the function up to a breakpoint in a line of its entry (0-based). */
async function pauseAt(target: Target, line: number, url: string) {
  const debug = await attachDebugger(target.webSocketDebuggerUrl);
  await debug.send("Debugger.enable");
  const script = await debug.event("Debugger.scriptParsed", ({ url }) => url === "narun:bundle");
  const { lineNumber, columnNumber } = placeInScript(
    readSourceMap(String(script.sourceMapURL)),
    /index\.ts$/,
    line,
  );
  await debug.send("Debugger.setBreakpointByUrl", { url: "narun:bundle", lineNumber, columnNumber });
  const answer = fetch(url).then((response) => response.text());
  const paused = await debug.event("Debugger.paused");
  const [frame] = paused.callFrames as unknown as [{ callFrameId: string }];
  return { debug, answer, frame };
}

test("saves after a pause, and in one, cost nothing but the old instance: its requests are answered, its host stays", async () => {
  const source = (version: number) => `const greeting = "version";
export default () => {
  const message = \`\${greeting} ${version}\`;
  return new Response(message);
};
`;
  await using folder = await createWorkFolder({ "hello/index.ts": source(0) });
  const { dev, url, inspector } = await startDev(folder.dir);
  await using _dev = dev;
  let target = await targetOf(inspector);
  for (const [version, isPaused] of [false, true, false, true].entries()) {
    const { debug, answer, frame } = await pauseAt(target, 3, url);
    await using _debug = debug;
    // No part of the source was optimized away.
    const looked = await debug.send("Debugger.evaluateOnCallFrame", {
      callFrameId: frame.callFrameId,
      expression: "[greeting, message]",
      returnByValue: true,
    });
    expect(looked.result).toMatchObject({ value: ["version", `version ${version}`] });
    if (!isPaused) {
      await debug.send("Debugger.resume");
      expect(await answer).toBe(`version ${version}`);
    }
    await folder.write("hello/index.ts", source(version + 1));
    expect(await debug.closed).toBe(1001);
    target = await targetOf(inspector, target.id);
    expect(await answer).toBe(`version ${version}`);
    expect(await (await fetch(url)).text()).toBe(`version ${version + 1}`);
  }
  dev.kill("SIGINT");
  const { code, stdout, stderr } = await dev.ended;
  expect(code).toBe(0);
  expect(`${stdout}${stderr}`).not.toMatch(/host died|HOST_CRASHED/);
});

test("stepping goes into the author's code, not into the platform", async () => {
  await using folder = await createWorkFolder(FILES);
  const { dev, url, inspector } = await startDev(folder.dir);
  await using _dev = dev;
  await using debug = await attachDebugger((await targetOf(inspector)).webSocketDebuggerUrl);
  await debug.send("Debugger.enable");
  const script = await debug.event("Debugger.scriptParsed", ({ url }) => url === "narun:bundle");
  const map = readSourceMap(String(script.sourceMapURL));
  const { lineNumber, columnNumber } = placeInScript(map, /index\.ts$/, 2);
  await debug.send("Debugger.setBreakpointByUrl", { urlRegex: "bundle$", lineNumber, columnNumber });
  const answer = fetch(`${url}?value=4`);
  const places: string[] = [];
  for (let step = 0; step < 40; step++) {
    const paused = await debug.event("Debugger.paused");
    const [frame] = paused.callFrames as unknown as [
      { location: { scriptId: string; lineNumber: number; columnNumber: number } },
    ];
    if (frame.location.scriptId !== script.scriptId) places.push("elsewhere");
    const entry = map.findEntry(frame.location.lineNumber, frame.location.columnNumber);
    if ("originalSource" in entry)
      places.push(`${entry.originalSource.replace(/.*\//, "")}:${entry.originalLine + 1}`);
    if (places.at(-1) === "index.ts:6") break;
    await debug.send("Debugger.stepInto");
  }
  await debug.send("Debugger.resume");
  expect(await (await answer).text()).toBe("8");
  expect([...new Set(places)]).toEqual([
    "index.ts:3",
    "index.ts:4",
    "double.ts:2",
    "index.ts:5",
    "index.ts:6",
  ]);
});

test("profiles and heap snapshots can be taken; an instance that ends with a debugger attached is replaced", async () => {
  await using folder = await createWorkFolder({
    "hello/index.ts": `export default (request: Request) => {
  const kept: unknown[] = [];
  while (request.url.endsWith("?grow")) kept.push(new Array(1_000).fill(kept.length));
  let sum = 0;
  for (let n = 0; n < 1e7; n++) sum += n % 7;
  return new Response(String(sum));
};
`,
    "hello/narun.yaml": "limits: { memoryMb: 64 }\n",
  });
  const { dev, url, inspector } = await startDev(folder.dir);
  await using _dev = dev;
  const target = await targetOf(inspector);
  await using debug = await attachDebugger(target.webSocketDebuggerUrl);
  await debug.send("Profiler.enable");
  await debug.send("Profiler.start");
  expect((await fetch(url)).status).toBe(200);
  const { profile } = await debug.send("Profiler.stop");
  expect(JSON.stringify(profile)).toContain('"functionName":"index_default"');
  await debug.send("HeapProfiler.takeHeapSnapshot");
  expect(await debug.event("HeapProfiler.addHeapSnapshotChunk")).toMatchObject({
    chunk: expect.stringContaining('"snapshot"'),
  });

  expect((await fetch(`${url}?grow`)).status).toBe(502);
  expect(await debug.closed).toBe(1001);
  expect((await fetch(url)).status).toBe(200);
  expect((await targetOf(inspector)).id).not.toBe(target.id);
  dev.kill("SIGINT");
  expect((await dev.ended).code).toBe(0);
});

test("pages of a browser cannot attach, and names that lead here are no way in", async () => {
  await using folder = await createWorkFolder(FILES);
  const { dev, inspector } = await startDev(folder.dir);
  await using _dev = dev;
  const { webSocketDebuggerUrl: url } = await targetOf(inspector);
  await expect(attachDebugger(url, { origin: "https://example.com" })).rejects.toThrow("404");
  await expect(attachDebugger(url.replace(/.$/, "x"))).rejects.toThrow("404");
  const statusFor = (host: string) =>
    new Promise((resolve, reject) => {
      request(`${inspector}/json/list`, { headers: { host } }, ({ statusCode }) => resolve(statusCode))
        .on("error", reject)
        .end();
    });
  expect(await statusFor("rebound.example.com:9229")).toBe(404);
  expect(await statusFor("localhost:9229")).toBe(200);
  await using debug = await attachDebugger(url, { origin: "devtools://devtools" });
  expect(await debug.send("Runtime.enable")).toEqual({});
});
