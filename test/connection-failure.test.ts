import { afterAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { gated } from "./harness/gated.ts";
import { begun, open, seen, watched } from "./harness/watched-streams.ts";
import { startWorld } from "./harness/world.ts";

const world = await startWorld({ isLinked: true });
afterAll(() => world[Symbol.asyncDispose]());

/** The names of the connections to NATS. */
const sides = ["gateway", "narun host of node-0"] as const;
const scale = { idleSeconds: 300 };
/** A request without an answer ends only after the test has failed. */
const limits = { timeoutMs: 120_000 };
const post = (path: string, body: string) => world.call(path, { method: "POST", body });

describe.each([
  { side: sides[0], towards: "to-server", back: "to-client" },
  { side: sides[1], towards: "to-client", back: "to-server" },
] as const)("when the connection of the $side breaks", ({ side, towards, back }) => {
  it("a request that never came is sent again, though it may not run twice", async () => {
    await world.push("lost", `let calls = 0; export default () => new Response(String(++calls));`, {
      scale,
      limits,
    });
    const before = Number((await world.call("/lost")).text);
    world.link.lose(side, towards);
    const answer = post("/lost", `a lost request, ${side}`);
    await world.link.lost(`a lost request, ${side}`);
    world.link.cut(side);
    expect(await answer).toMatchObject({ status: 200, text: String(before + 1) });
  });

  it("an answer that was lost is sent again", async () => {
    const words = `a lost answer, ${side}`;
    const name = side === "gateway" ? "answers-g" : "answers-h";
    await world.push(name, gated(`"${words} " + calls`), { scale, limits });
    await world.call(`/${name}?warm`);
    const answer = post(`/${name}`, "");
    await eventually(async () => expect(await world.ps(name)).toMatchObject([{ inFlight: 1 }]));
    world.link.lose(side, back);
    void world.call(`/${name}?open`);
    await world.link.lost(words);
    world.link.cut(side);
    expect(await answer).toMatchObject({ status: 200, text: `${words} 1` });
  });

  it("a request that goes on is answered when it is done", async () => {
    const name = side === "gateway" ? "goes-g" : "goes-h";
    await world.push(name, gated("String(calls)"), { scale, limits });
    await world.call(`/${name}?warm`);
    const answer = post(`/${name}`, "");
    await eventually(async () => expect(await world.ps(name)).toMatchObject([{ inFlight: 1 }]));
    world.link.cut(side);
    await eventually(() => world.call(`/${name}?open`).then(({ status }) => expect(status).toBe(200)));
    expect(await answer).toMatchObject({ status: 200, text: "1" });
  });

  it("a stream whose head was lost is broken off", async () => {
    const name = side === "gateway" ? "heads-g" : "heads-h";
    const words = `a lost head, ${side}`;
    const source = `export default ({ url }) =>
      new Response(url.endsWith("?warm") ? "" : new ReadableStream(), { headers: { "x-words": "${words}" } });`;
    await world.push(name, source, { scale, limits });
    await world.call(`/${name}?warm`);
    world.link.lose(side, back);
    const answer = post(`/${name}`, "");
    await world.link.lost(`X-Words: ${words}`);
    world.link.cut(side);
    expect(await answer).toMatchObject({ status: 502, code: "STREAM_BROKEN" });
  });

  it("a stream breaks off on both sides", async () => {
    await world.push("fn", watched, { scale, limits });
    const { ended } = await begun(world, `/fn/events?n=${side === "gateway" ? "g" : "h"}`);
    world.link.cut(side);
    expect(await ended).toBe("broken");
    await eventually(async () =>
      expect((await seen(world)).aborted).toContain(side === "gateway" ? "g" : "h"),
    );
  });

  it("a body that is under way breaks off", async () => {
    await world.push("fn", watched, { scale, limits });
    await seen(world);
    const upload = open(world, "/fn/unread?n=unread", {
      method: "POST",
      send: (sent) => void sent.write(Buffer.alloc(200_000)),
    });
    await eventually(async () => expect(await world.ps("fn")).toMatchObject([{ inFlight: 1 }]));
    world.link.cut(side);
    expect((await upload).response.statusCode).toBe(502);
  });
});
