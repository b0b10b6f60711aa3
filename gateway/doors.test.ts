import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { Dispatch } from "../dispatch/index.ts";
import type { Door } from "./door.ts";
import { Doors } from "./doors.ts";
import { createMetrics } from "./metrics.ts";
import { specOf, startGatewayWorld } from "./testing/world.ts";

/** A world with dispatch of its own: doors bring requests to it. */
async function startDispatch() {
  const closers = new AsyncDisposableStack();
  const world = closers.use(await startGatewayWorld({ specs: [specOf("asleep")] }));
  const dispatch = new Dispatch({
    nats: world.nats,
    observer: createMetrics({ counts: () => new Map() }),
    onSpecs: () => undefined,
    log: pino({ level: "silent" }),
  });
  closers.defer(() => dispatch.close());
  await dispatch.start();
  return { dispatch, [Symbol.asyncDispose]: () => closers.disposeAsync() };
}

/** A door of a protocol without clients. It notes its calls. */
function noteDoor(name: string, events: string[], facts: Partial<Door> = {}): Door {
  const note = (event: string) => void events.push(`${name} ${event}`);
  return {
    name,
    async listen() {
      note("listens");
      return `${name}:1`;
    },
    async drain() {
      note("drains");
    },
    async close() {
      note("closes");
    },
    ...facts,
  };
}

describe("the doors of a gateway", () => {
  it("open in their order, each with the addresses of those before it", async () => {
    await using world = await startDispatch();
    const events: string[] = [];
    const seen: string[] = [];
    const last = noteDoor("last", events, {
      async listen() {
        seen.push(...doors.addresses.values());
        return "last:1";
      },
    });
    const doors: Doors = new Doors([noteDoor("first", events), last], world.dispatch.dispatcher);
    await doors.listen();
    expect(seen).toEqual(["first:1"]);
    expect([...doors.addresses]).toEqual([
      ["first", "first:1"],
      ["last", "last:1"],
    ]);
  });

  it("are not open where one cannot open", async () => {
    await using world = await startDispatch();
    const events: string[] = [];
    const broken = noteDoor("broken", events, { listen: () => Promise.reject(new Error("taken")) });
    const doors = new Doors([noteDoor("first", events), broken], world.dispatch.dispatcher);
    await expect(doors.listen()).rejects.toThrow("taken");
    await doors.close();
    expect(events).toEqual(["first listens", "first closes", "broken closes"]);
  });

  it("stay open until all their requests are answered, at the latest at the end of the grace", async () => {
    await using world = await startDispatch();
    const events: string[] = [];
    const { dispatcher } = world.dispatch;
    const slow = noteDoor("slow", events, { drain: () => new Promise(() => undefined) });
    const doors = new Doors([noteDoor("quick", events), slow], dispatcher);
    await doors.listen();
    dispatcher.dispatch({
      service: "asleep",
      head: { headers: () => new Map(), text: () => undefined, hops: 0, isUpgrade: false },
      data: new Uint8Array(),
      streams: false,
      isRepeatable: true,
      endsAtMs: performance.now() + 60_000,
      settle: (outcome) => void events.push(outcome.kind === "failed" ? outcome.code : outcome.kind),
    });
    await doors.drain(50);
    expect(events).toEqual([
      "quick listens",
      "slow listens",
      "quick drains",
      "GATEWAY_DRAINING",
      "quick closes",
      "slow closes",
    ]);
  });

  it("close as soon as nothing is left", async () => {
    await using world = await startDispatch();
    const events: string[] = [];
    const doors = new Doors([noteDoor("quick", events)], world.dispatch.dispatcher);
    await doors.listen();
    await doors.drain(600_000);
    expect(events).toEqual(["quick listens", "quick drains", "quick closes"]);
  });

  it("have clients leave before, where they hold connections", async () => {
    await using world = await startDispatch();
    const left: number[] = [];
    const http = noteDoor("http", [], { leave: async (forMs) => void left.push(forMs) });
    const doors = new Doors([http, noteDoor("other", [])], world.dispatch.dispatcher);
    await doors.leave(700);
    expect(left).toEqual([700]);
  });
});
