import { describe, expect, it } from "vitest";
import { createInspectorDialect, GOODBYE, sourceMapUrl } from "./inspector-messages.ts";

function open({ url }: { url: string | undefined } = { url: "data:map" }) {
  const sent: { id: number; method: string }[] = [];
  const dialect = createInspectorDialect({
    name: "hello",
    sourceMapUrl: url,
    send: (message) => void sent.push(JSON.parse(message)),
  });
  const toDebugger = (message: object) => {
    const text = dialect.fromIsolate(JSON.stringify(message));
    return text === undefined ? undefined : JSON.parse(text);
  };
  const toIsolate = (message: unknown) => {
    const text = dialect.fromDebugger(typeof message === "string" ? message : JSON.stringify(message));
    return text === undefined ? undefined : JSON.parse(text);
  };
  return { sent, toDebugger, toIsolate };
}

const parsed = (scriptId: string, url: string) => ({
  method: "Debugger.scriptParsed",
  params: { scriptId, url },
});
const paused = (scriptId: string, reason = "step") => ({
  method: "Debugger.paused",
  params: { reason, callFrames: [{ location: { scriptId } }] },
});

describe("the messages to a debugger", () => {
  it("have the source map of the bundle, and of no other script", () => {
    const { toDebugger } = open();
    expect(toDebugger(parsed("1", "narun:bundle")).params.sourceMapURL).toBe("data:map");
    expect(toDebugger(parsed("2", "narun:platform")).params).not.toHaveProperty("sourceMapURL");
    const without = open({ url: undefined });
    expect(without.toDebugger(parsed("1", "narun:bundle"))).toEqual(parsed("1", "narun:bundle"));
  });

  it("name one context, as the function", () => {
    const { toDebugger, toIsolate } = open();
    const created = (id: number, name: string) => ({
      method: "Runtime.executionContextCreated",
      params: { context: { id, name } },
    });
    expect(toDebugger(created(1, "default"))).toBeUndefined();
    expect(toDebugger(created(2, "<isolated-vm>"))).toEqual(created(2, "hello"));
    const evaluate = { id: 1, method: "Runtime.evaluate", params: { expression: "1" } };
    expect(toIsolate(evaluate).params).toEqual({ expression: "1", contextId: 2 });
    const chosen = { ...evaluate, params: { expression: "1", uniqueContextId: "u" } };
    expect(toIsolate(chosen)).toEqual(chosen);
  });

  it("leave out answers to our own messages", () => {
    const { toDebugger } = open();
    expect(toDebugger({ id: -10, result: {} })).toBeUndefined();
    expect(toDebugger({ id: 0, result: {} })).toEqual({ id: 0, result: {} });
  });

  it("leave out stops of steps in the platform, and have one `resumed` for each `paused`", () => {
    const { toDebugger, sent } = open();
    toDebugger(parsed("1", "narun:platform"));
    toDebugger(parsed("2", "narun:platform"));
    toDebugger(parsed("3", "narun:bundle"));
    expect(toDebugger(paused("3"))).toEqual(paused("3"));
    expect(toDebugger({ method: "Debugger.resumed" })).toBeDefined();
    for (const script of ["1", "2"]) {
      expect(toDebugger(paused(script))).toBeUndefined();
      expect(sent.splice(0)).toEqual([{ id: -10, method: "Debugger.stepOut" }]);
      expect(toDebugger({ method: "Debugger.resumed" })).toBeUndefined();
    }
    expect(toDebugger(paused("3"))).toBeDefined();
    expect(toDebugger({ method: "Debugger.resumed" })).toBeDefined();
    // Where it asked to stop, it stops.
    expect(toDebugger(paused("1", "other"))).toBeDefined();
    expect(sent).toEqual([]);
  });
});

describe("the messages to V8", () => {
  it("are those of the debugger that have an id of its own", () => {
    const { toIsolate } = open();
    const message = { id: 3, method: "Debugger.resume" };
    expect(toIsolate(message)).toEqual(message);
    for (const wrong of [
      "{",
      "null",
      "[]",
      '"text"',
      '{"id":-1,"method":"a"}',
      '{"id":"1","method":"a"}',
      '{"id":1}',
    ])
      expect(toIsolate(wrong)).toBeUndefined();
  });

  it("disable the inspector's domains when the debugger has gone", () => {
    const methods = GOODBYE.map((text) => JSON.parse(text));
    expect(methods.map(({ method }) => method)).toContain("Debugger.disable");
    expect(methods.every(({ id }) => id < 0)).toBe(true);
  });
});

describe("the URL of a source map", () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value));

  it("has the paths of the author's files", () => {
    const url = sourceMapUrl(
      encode({ version: 3, sources: ["index.ts", "../shared/a b.ts"] }),
      "file:///home/hello",
    );
    const [, base64 = ""] = url?.split("base64,") ?? [];
    const map = JSON.parse(Buffer.from(base64, "base64").toString());
    expect(map).toEqual({
      version: 3,
      sources: ["file:///home/hello/index.ts", "file:///home/shared/a%20b.ts"],
    });
  });

  it("is undefined where the map cannot be read", () => {
    expect(sourceMapUrl(Buffer.from("{"), "file:///a")).toBeUndefined();
    expect(sourceMapUrl(encode({ sources: "x" }), "file:///a")).toBeUndefined();
    expect(sourceMapUrl(encode(null), "file:///a")).toBeUndefined();
  });
});
