import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startTraffic } from "../harness/traffic.ts";
import { startWorld, type World } from "../harness/world.ts";

export interface Ending {
  status: number;
  code?: string | undefined;
  text?: string;
}

/** A function that means harm. */
export interface Hostile {
  /** The attempt in one sentence. */
  tries: string;
  /** The body of its handler, which runs at `?bad`. With `module` the function has top-level code, too. */
  body: string;
  /** Top-level code. */
  module?: string;
  /** The end of its request. There are several where two limits are met at about the same time. */
  ends: Ending | readonly Ending[];
  limits?: Record<string, number>;
  /** The line in its log. */
  log?: RegExp;
  init?: RequestInit;
}

/**
 * Whether a value comes from outside of the isolate: a global object, or a constructor of functions, that is not the isolate's own.
 * `gained` answers with success then, which no test expects.
 */
const PRELUDE = `
  const own = globalThis;
  const isOutside = (value) => {
    if (value === null || value === undefined) return false;
    try {
      const global = typeof value === "function" ? value("return this")() : value;
      if (typeof global !== "object" || global === null) return false;
      return global !== own && ("process" in global || "require" in global || "globalThis" in global);
    } catch { return false; }
  };
  const gained = (...values) => {
    if (values.some(isOutside)) return new Response("gained");
    throw new Error("nothing gained");
  };
`;

const sourceOf = ({ body, module = "" }: Hostile) => `
  ${PRELUDE}
  ${module}
  export default async (request, env, ctx) => {
    if (new URL(request.url).search !== "?bad") return new Response("good");
    ${body}
  };
`;

/** An answer that broke off after its head. */
export const broken = { status: 0, code: undefined, text: "" };

/** The answer after an attempt without effect. */
export const nothing = { status: 500, code: "HANDLER_THREW" };

const endingsOf = ({ ends }: Hostile): readonly Ending[] => [ends].flat();

/** Upper bound of the time of every case, on however slow a machine. */
const LONG_MS = 120_000;

/** Limits of time, which end only the cases that expect it, also on a busy machine. */
const limitsOf = (hostile: Hostile) => ({
  cpuMs: endingsOf(hostile).some(({ code }) => code === "CPU_LIMIT") ? 300 : LONG_MS,
  memoryMb: 32,
  timeoutMs: LONG_MS,
  ...hostile.limits,
});

/** Runs each function in the host process of a neighbour, which has to answer all the time. */
export async function describeHostile(kind: string, cases: readonly Hostile[]): Promise<void> {
  const world = await startWorld();
  afterAll(() => world[Symbol.asyncDispose]());
  await world.push("neighbour", `export default () => new Response("well");`);
  describe(kind, () => {
    cases.forEach((hostile, index) => {
      it(hostile.tries, { timeout: LONG_MS }, () => endsAsItShould(world, `hostile-${index}`, hostile));
    });
  });
}

async function endsAsItShould(world: World, name: string, hostile: Hostile): Promise<void> {
  const { log, init } = hostile;
  await world.push(name, sourceOf(hostile), { limits: limitsOf(hostile) });
  expect(await world.call("/neighbour")).toMatchObject({ status: 200, text: "well" });
  // The instance starts before the time of the attempt runs.
  expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: "good" });
  const pid = world.hostPid("neighbour");
  const traffic = startTraffic(() => world.call("/neighbour"), { clients: 2 });
  // After its head an answer can only break off.
  const answer = await world.call(`/${name}?bad`, init).catch(() => broken);
  await traffic.more(2);
  for (const { status, text } of await traffic.stop()) expect([status, text]).toEqual([200, "well"]);
  const endings = endingsOf(hostile).map((ending) => ({ code: undefined, text: answer.text, ...ending }));
  const { status, code, text } = answer;
  expect(endings).toContainEqual({ status, code, text });
  if (log !== undefined) {
    await eventually(async () => {
      const messages = (await world.logs(name)).map(({ message }) => message);
      expect(messages).toContainEqual(expect.stringMatching(log));
    });
  }
  // The process survived, and the neighbour with it.
  expect(world.hostPid("neighbour")).toBe(pid);
  expect(await world.call("/neighbour")).toMatchObject({ status: 200, text: "well" });
}
