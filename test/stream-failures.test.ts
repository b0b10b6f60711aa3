import { request } from "node:http";
import { describe, expect, it } from "vitest";
import { formatFrame, headerNames, PEER_LOST_MS, subjects } from "../contracts/index.ts";
import { createHeaders, type Message } from "../nats/index.ts";
import { eventually } from "./harness/eventually.ts";
import { begun, nothingIsLeft, open, seen, watched } from "./harness/watched-streams.ts";
import { startWorld } from "./harness/world.ts";

/** A stream that never ends, and `?first`: whether its abort came before 5.5 s were over. The host's own clock decides. */
const timed = `
  let first = "";
  export default (request: Request) => {
    if (new URL(request.url).search === "?first") return new Response(first);
    request.signal.addEventListener("abort", () => { first ||= "abort"; });
    setTimeout(() => { first ||= "time"; }, 5_500);
    return new Response(new ReadableStream());
  };
`;

describe("a stream whose other end is lost", () => {
  it("is told as broken to its client when the host is killed", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    const { ended } = await begun(world, "/fn/events");
    process.kill(await world.hostPid("fn"), "SIGKILL");
    expect(await ended).toBe("broken");
    await eventually(() => expect(world.gateway.counts().get("fn")).toBeUndefined());
  });

  it("aborts the handler's signal within 5 s when the asker falls silent", async () => {
    await using world = await startWorld();
    await world.push("fn", timed);
    await world.call("/fn?first");
    // A caller that never sends a sign of life, like a killed one.
    const token = "0123456789abcdef.0";
    const head = Promise.withResolvers<Message>();
    const fields: [string, string][] = [
      [headerNames.path, "/fn"],
      [headerNames.stream, token],
    ];
    const pending = world.connection.send("fn", new Uint8Array(), createHeaders(fields), head.resolve);
    expect((await head.promise).headers?.get(headerNames.stream)).toEqual([token]);
    const first = await eventually(async () => {
      const { text } = await world.call("/fn?first");
      expect(text).not.toBe("");
      return text;
    });
    expect(first).toBe("abort");
    pending.release();
    await nothingIsLeft(world);
  });

  it("breaks on both sides when NATS is restarted in the middle, and nothing hangs", async () => {
    // On the short path it would go on.
    await using world = await startWorld({ gateway: { shortPath: "off" } });
    await world.push("fn", watched, { limits: { timeoutMs: 60_000 } });
    const streams = await Promise.all(["a", "b"].map((n) => begun(world, `/fn/events?n=${n}`)));
    // A handler that does not read its body has taken nothing of it. It may still not run twice.
    const unread = open(world, "/fn/unread?n=unread", {
      method: "POST",
      send: (sent) => void sent.write(Buffer.alloc(200_000)),
    });
    await eventually(async () => expect((await world.ps("fn"))[0]?.inFlight).toBe(3));
    await world.nats.kill9();
    for (const { ended } of streams) expect(await ended).toBe("broken");
    expect((await unread).response.statusCode).toBe(502);
    await eventually(async () =>
      expect((await seen(world)).aborted.toSorted()).toEqual(["a", "b", "unread"]),
    );
    await nothingIsLeft(world);
  });

  it("aborts the handler's signal within 100 ms when the client leaves, and cancels its stream", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    const tookMs: number[] = [];
    for (let n = 0; n < 5; n++) {
      const { request: sent } = await begun(world, `/fn/events?n=${n}`);
      const leftAt = Date.now();
      sent.destroy();
      const { abortedAt } = await eventually(async () => {
        const now = await seen(world);
        expect(now.cancelled[n]).toBe(String(n));
        return now;
      });
      tookMs.push((abortedAt[n] ?? Number.NaN) - leftAt);
    }
    expect((await seen(world)).aborted).toEqual(["0", "1", "2", "3", "4"]);
    // The best time counts: others share the machine.
    expect(Math.min(...tookMs)).toBeLessThan(100);
    await nothingIsLeft(world);
  });

  it("is cancelled though its handler answers when nobody waits any more", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    const sent = request(world.url("/fn/late?n=late"), { agent: false });
    sent.on("error", () => undefined);
    sent.end();
    await eventually(async () => expect((await world.ps("fn"))[0]?.inFlight).toBe(1));
    sent.destroy();
    await eventually(async () => expect((await seen(world)).aborted).toEqual(["late"]));
    await world.call("/fn/release");
    await eventually(async () => expect((await seen(world)).cancelled).toEqual(["late"]));
  });

  it("is cut when its gateway has drained, and its handler is told at once", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    await world.call("/fn/seen");
    const second = await world.startGateway();
    await eventually(async () => expect((await fetch(`${second.httpUrl}/fn/seen`)).status).toBe(200));
    const { ended } = await begun(world, "/fn/events?n=drained", second.httpUrl);
    const leftAt = Date.now();
    await second.drain({ graceMs: 200 });
    expect(await ended).toBe("broken");
    const { abortedAt } = await eventually(async () => {
      const now = await seen(world);
      expect(now.aborted).toEqual(["drained"]);
      return now;
    });
    // A caller that falls silent counts as gone later than that.
    expect((abortedAt[0] ?? Number.NaN) - leftAt).toBeLessThan(PEER_LOST_MS);
    await nothingIsLeft(world);
  });
});

describe("a thousand streams of one instance", () => {
  it("each get what is written, and end with their clients", async () => {
    await using world = await startWorld();
    await world.push("fn", watched, { limits: { memoryMb: 256 } });
    await world.call("/fn/seen");
    const opened: Awaited<ReturnType<typeof begun>>[] = [];
    for (let group = 0; group < 10; group++)
      opened.push(...(await Promise.all(Array.from({ length: 100 }, () => begun(world, "/fn/events?n=x")))));
    expect((await world.call("/fn/tell?text=first")).text).toBe("1000");
    await eventually(() => expect(opened.every(({ texts }) => texts.join("") === "begunfirst")).toBe(true));
    expect(await world.ps("fn")).toMatchObject([{ inFlight: 1_000 }]);
    for (const { request: sent } of opened) sent.destroy();
    await eventually(async () => expect((await world.call("/fn/tell?text=gone")).text).toBe("0"));
    await nothingIsLeft(world);
  }, 90_000);
});

describe("work in the background", () => {
  it("has its time after the response: a stream that is fed by it outlasts it", async () => {
    await using world = await startWorld();
    await world.push(
      "fed",
      `export default (request, env, ctx) => {
         const { readable, writable } = new TransformStream();
         const writer = writable.getWriter();
         const feed = async () => {
           for (let n = 0; n < 8; n++) {
             await writer.write(new TextEncoder().encode(request.signal.aborted ? "aborted" : String(n)));
             await new Promise((resolve) => setTimeout(resolve, 100));
           }
           await writer.close();
         };
         ctx.waitUntil(feed());
         return new Response(readable);
       }`,
      { limits: { waitUntilMs: 300 } },
    );
    expect((await world.call("/fed")).text).toBe("01234567");
    await nothingIsLeft(world, "fed");
    expect(JSON.stringify(await world.logs("fed"))).not.toContain("WAIT_UNTIL_LIMIT");
  });
});

describe("a stranger on NATS", () => {
  it("with the token of another is not heard in its place", async () => {
    // Over a socket no token is on NATS.
    await using world = await startWorld({ gateway: { shortPath: "off" } });
    await world.push("fn", watched);
    await world.call("/fn/seen");
    const tokens: string[] = [];
    world.connection.subscribe("narun.s.>", ({ subject }) => void tokens.push(subject));
    await world.connection.flush();
    const victim = await begun(world, "/fn/events?n=victim");
    await eventually(() => expect(tokens).not.toEqual([]));
    const [subject = ""] = tokens;
    const token = subject.split(".").slice(3).join(".");
    const { instance } = await world.listed("fn");
    const fields: [string, string][] = [
      [headerNames.path, "/fn/seen"],
      [headerNames.stream, token],
    ];
    const answered = Promise.withResolvers<Message>();
    const target = subjects.instanceRequests(instance);
    world.connection.send(target, new Uint8Array(), createHeaders(fields), answered.resolve);
    await answered.promise;
    await world.call("/fn/tell?text=still-there");
    await eventually(() => expect(victim.texts.join("")).toBe("begunstill-there"));
    victim.request.destroy();
    await eventually(async () => expect((await seen(world)).aborted).toEqual(["victim"]));
    await nothingIsLeft(world);
  });

  it("that says what is no frame, or about what is no stream, disturbs nobody", async () => {
    await using world = await startWorld();
    await world.push("fn", watched);
    const victim = await begun(world, "/fn/events?n=victim");
    const { instance } = await world.listed("fn");
    const subject = subjects.streamControl(instance, "no.token");
    for (const frame of ["", "credit -1", "data x", "cancel", formatFrame({ kind: "end", seq: 0, code: "" })])
      world.connection.publish(subject, "x", createHeaders([[headerNames.frame, frame]]));
    await world.connection.flush();
    await world.call("/fn/tell?text=fine");
    await eventually(() => expect(victim.texts.join("")).toBe("begunfine"));
    victim.request.destroy();
    await nothingIsLeft(world);
  });
});
