/** The output of a function and its failures: in order, complete, with the right request, with the author's source places. */
import { afterAll, describe, expect, it } from "vitest";
import type { LogLine } from "../contracts/index.ts";
import { eventually } from "./harness/eventually.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

/** The lines of a function's log, as soon as one matches. */
const linesWith = (name: string, pattern: RegExp): Promise<LogLine[]> =>
  eventually(async () => {
    const lines = await world.logs(name);
    if (!lines.some(({ message }) => pattern.test(message)))
      throw new Error(`${pattern} is not in:\n${lines.map(({ message }) => message).join("\n")}`);
    return lines;
  });
const lineWith = async (name: string, pattern: RegExp) =>
  (await linesWith(name, pattern)).find(({ message }) => pattern.test(message));

describe("log lines", () => {
  it("carry the id of their own request, though requests take turns", async () => {
    const source = `
      const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      const arrived = new Map<string, () => void>();
      /** Both wait for each other, each by a promise that its own code settles. */
      const meet = async (step: string, own: string) => {
        while (!arrived.has(step + (own === "a" ? "b" : "a"))) {
          arrived.set(step + own, () => {});
          await pause(1);
        }
        arrived.set(step + own, () => {});
      };
      export default async (request: Request) => {
        const name = new URL(request.url).searchParams.get("name") ?? "";
        for (let turn = 0; turn < 5; turn++) {
          await meet(String(turn), name);
          console.log(name, "turn", turn);
          if (turn === 2) await crypto.subtle.digest("SHA-256", new Uint8Array(100));
          console.log(name, "called", turn);
          setTimeout(() => console.log(name, "timer", turn), 2);
        }
        await pause(5);
        console.log(name, "done");
        return new Response(name);
      };
    `;
    await world.push("turns", source);
    const [a, b] = await Promise.all([world.call("/turns?name=a"), world.call("/turns?name=b")]);
    await linesWith("turns", /^a done/);
    const lines = await linesWith("turns", /^b done/);
    expect(lines).toHaveLength(32);
    for (const [name, { status, headers }] of [
      ["a", a],
      ["b", b],
    ] as const) {
      expect(status).toBe(200);
      const own = lines.filter(({ message }) => message.startsWith(name));
      expect(new Set(own.map(({ request_id }) => request_id))).toEqual(
        new Set([headers.get("x-request-id")]),
      );
    }
  });

  it("come in the order in which they were printed, stacks among them, none lost", async () => {
    const source = `
      export default () => {
        for (let n = 0; n < 3_000; n++) {
          if (n % 500 === 1) console.error(n, new Error("stack"));
          else console.log(n);
        }
        return new Response("ok");
      };
    `;
    await world.push("many", source);
    await world.call("/many");
    const lines = await linesWith("many", /^2999$/);
    expect(lines.map(({ message }) => Number.parseInt(message, 10))).toEqual([...Array(3_000).keys()]);
    expect(lines[1]?.message).toMatch(/^1 Error: stack\n\s+at .*index\.ts:4:\d+/);
  });

  it("are cut off at limits.logBytesPerSecond, and a line says so", async () => {
    const source = `
      export default () => {
        for (let n = 0; n < 1_000; n++) console.log(String(n).padStart(256));
        return new Response("ok");
      };
    `;
    await world.push("flood", source, { limits: { logBytesPerSecond: 20_480 } });
    await world.call("/flood");
    const lines = await linesWith("flood", /^LOG_LIMIT: /);
    // The lines of two seconds at once, and the lines that are allowed while the loop runs.
    const kept = lines.map(({ message }) => Number(message)).filter((n) => !Number.isNaN(n));
    expect(kept.slice(0, 80)).toEqual([...Array(80).keys()]);
    expect(kept.length).toBeLessThan(200);
    expect(kept).toEqual(kept.toSorted((one, other) => one - other));
    expect(lines.at(-1)).toMatchObject({
      level: "warn",
      message: `LOG_LIMIT: ${1_000 - kept.length} log lines of ${256 * (1_000 - kept.length)} bytes were dropped: more than limits.logBytesPerSecond (20480 bytes)`,
    });
  });
});

describe("a stack has the author's places", () => {
  const source = `
    import { fail, failLater } from "./lib.ts";
    const inTimer = () => fail("in a timer");
    export default async (request: Request) => {
      switch (new URL(request.url).search) {
        case "?async": await failLater();
        case "?timer": setTimeout(inTimer, 1); break;
        case "?rejected": void failLater(); break;
        case "?cause": throw new Error("outer", { cause: new AggregateError([new TypeError("inner")], "both") });
        case "?stream": return new Response(new ReadableStream({ pull() { fail("in a stream"); } }));
      }
      return new Response("ok");
    };
  `;
  const lib = `export function fail(text: string): never {
  throw new RangeError(text);
}
export async function failLater() {
  await null;
  fail("later");
}
`;
  it.each([
    [
      "async",
      /^RangeError: later\n\s+at fail \(lib\.ts:2:9\)\n\s+at failLater \(lib\.ts:6:3\)\n\s+at async .*index\.ts:6:\d+\)$/,
    ],
    ["timer", /^RangeError: in a timer\n\s+at fail \(lib\.ts:2:9\)\n\s+at .*inTimer \(index\.ts:3:\d+\)$/],
    ["rejected", /^RangeError: later\n\s+at fail \(lib\.ts:2:9\)\n\s+at failLater \(lib\.ts:6:3\)/],
    [
      "cause",
      /^Error: outer\n\s+at .*index\.ts:9:\d+\)?\nCaused by: AggregateError: both\n\s+at .*index\.ts:9:\d+\)?\n {2}Error 1 of 1: TypeError: inner\n\s+at .*index\.ts:9:\d+\)?$/,
    ],
    ["stream", /RangeError: in a stream\n\s+at fail \(lib\.ts:2:9\)\n\s+at .*index\.ts:10:\d+/],
  ])("%s", async (kind, pattern) => {
    await world.push("stacks", { "index.ts": source, "lib.ts": lib });
    await world.call(`/stacks?${kind}`).catch(() => undefined);
    expect(await lineWith("stacks", pattern)).toMatchObject({ level: "error" });
  });

  it("at the top level, where the push fails", async () => {
    const top = {
      "index.ts": 'import { fail } from "./lib.ts";\nawait null;\nfail("at the top");\nexport default 1;',
      "lib.ts": lib,
    };
    await expect(world.push("top", top)).rejects.toMatchObject({
      fields: {
        stack: expect.stringMatching(
          /^RangeError: at the top\n\s+at fail \(lib\.ts:2:9\)\n\s+at index\.ts:3:1$/,
        ),
      },
    });
  });
});
