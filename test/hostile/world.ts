import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "../harness/eventually.ts";
import { startTraffic } from "../harness/traffic.ts";
import { startWorld, type World } from "../harness/world.ts";

export interface Ending {
  status: number;
  code?: string | undefined;
  text?: string;
}

/** A hostile function. */
export interface Hostile {
  /** The attempt, in one sentence. */
  tries: string;
  /** The body of its handler, run on the query `?bad`. With `module`, the code before the handler runs as well. */
  body: string;
  /** Top-level code. */
  module?: string;
  /** The end of its request. Several, if two limits are met at about the same time. */
  ends: Ending | readonly Ending[];
  limits?: Record<string, number>;
  /** The expected line of its log. */
  log?: RegExp;
  init?: RequestInit;
}

/**
 * Tells whether a value comes from outside of the isolate: a global object, or a constructor of functions, that is not the
 * isolate's own. In that case `gained` ends the request successfully, which no test expects.
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

/** The answer to an attempt without effect. */
export const nothing = { status: 500, code: "HANDLER_THREW" };

const endingsOf = ({ ends }: Hostile): readonly Ending[] => [ends].flat();

/** More time than any case takes on a slow machine. */
const LONG_MS = 120_000;

/** Only a case about time may end by a limit of time, also on a busy machine. */
const limitsOf = (hostile: Hostile) => ({
  cpuMs: endingsOf(hostile).some(({ code }) => code === "CPU_LIMIT") ? 300 : LONG_MS,
  memoryMb: 32,
  timeoutMs: LONG_MS,
  ...hostile.limits,
});

/** Runs each function in the same host process as a neighbour, which must be answered all the time. */
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
  // The first call starts the instance, so that its start does not count for the bad request.
  expect(await world.call(`/${name}`)).toMatchObject({ status: 200, text: "good" });
  const pid = await world.hostPid("neighbour");
  const traffic = startTraffic(() => world.call("/neighbour"), { clients: 2 });
  // If the head was already sent, the answer breaks off.
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
  // The process and the neighbour have survived.
  expect(await world.hostPid("neighbour")).toBe(pid);
  expect(await world.call("/neighbour")).toMatchObject({ status: 200, text: "well" });
}
