import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

const MIB = 1024 * 1024;

async function open(
  world: World,
  path: string,
  options: {
    method?: string;
    headers?: Record<string, string>;
    send?: (request: ClientRequest) => void;
  } = {},
): Promise<{ request: ClientRequest; response: IncomingMessage }> {
  const sent = request(world.url(path), {
    method: options.method ?? "GET",
    headers: options.headers ?? {},
    agent: false,
  });
  if (options.send === undefined) sent.end();
  else options.send(sent);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { request: sent, response };
}

describe("streaming", () => {
  it("delivers each event as it is written, and the end", async () => {
    await using world = await startWorld();
    await world.push(
      "ticks",
      `let next;
       export default (request) => {
         if (new URL(request.url).searchParams.has("next")) { next(); return new Response("ok"); }
         const encoder = new TextEncoder();
         let n = 0;
         return new Response(new ReadableStream({
           start(controller) {
             next = () => { controller.enqueue(encoder.encode("data: " + n++ + "\\n\\n")); if (n === 3) controller.close(); };
           },
         }), { headers: { "content-type": "text/event-stream" } });
       }`,
    );
    const { response } = await open(world, "/ticks");
    expect(response.headers["content-type"]).toBe("text/event-stream");
    const events: string[] = [];
    const ended = once(response, "end");
    response.on("data", (chunk: Buffer) => events.push(chunk.toString()));
    for (let n = 0; n < 3; n++) {
      await world.call("/ticks?next");
      await eventually(() => expect(events).toHaveLength(n + 1));
    }
    await ended;
    expect(events).toEqual(["data: 0\n\n", "data: 1\n\n", "data: 2\n\n"]);
    expect(response.complete).toBe(true);
  });

  it("carries large bodies both ways at once", async () => {
    await using world = await startWorld();
    await world.push("echo", "export default (request) => new Response(request.body)", {
      limits: { maxBodyBytes: 64 * MIB },
    });
    const block = Buffer.alloc(MIB, "narun-stream-");
    const { response } = await open(world, "/echo", {
      method: "POST",
      send: (sent) => {
        const write = (n: number) => {
          if (n === 24) sent.end();
          else sent.write(block, () => write(n + 1));
        };
        write(0);
      },
    });
    let size = 0;
    let isRight = true;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const at = size % MIB;
      if (at + chunk.length <= MIB) isRight &&= chunk.equals(block.subarray(at, at + chunk.length));
      size += chunk.length;
    }
    expect({ size, isRight }).toEqual({ size: 24 * MIB, isRight: true });
  });

  it("leaves a chunk that it has sent to whoever still has it", async () => {
    await using world = await startWorld();
    await world.push(
      "keeps",
      `export default async (request) => {
         const chunk = new Uint8Array(50_000).fill(7);
         if (request.url.endsWith("/again")) {
           let n = 0;
           return new Response(new ReadableStream({ pull: (c) => (n++ < 40 ? c.enqueue(chunk) : c.close()) }));
         }
         let n = 0;
         const pull = (c) => (n++ < 40 ? c.enqueue(chunk.slice()) : c.close());
         const [own, other] = new ReadableStream({ type: "bytes", pull }).tee();
         const rest = new Response(other).bytes();
         const sent = new TransformStream({ async flush(c) {
           const bytes = await rest;
           c.enqueue(new Uint8Array([bytes.length === 2_000_000 && bytes.every((byte) => byte === 7) ? 1 : 0]));
         } });
         return new Response(own.pipeThrough(sent));
       };`,
    );
    const again = await (await fetch(world.url("/keeps/again"))).bytes();
    expect([again.length, again.every((byte) => byte === 7)]).toEqual([2_000_000, true]);
    const both = await (await fetch(world.url("/keeps"))).bytes();
    expect([both.length, both.at(-1), both.subarray(0, -1).every((byte) => byte === 7)]).toEqual([
      2_000_001,
      1,
      true,
    ]);
  });

  it("reads a large body whole, and answers with one", async () => {
    await using world = await startWorld();
    await world.push("whole", "export default async (request) => new Response((await request.text()) + '!')");
    const text = "ü".repeat(3 * MIB);
    const answer = await world.call("/whole", { method: "POST", body: text });
    expect(answer.text === `${text}!`).toBe(true);
    expect(answer.headers.get("content-length")).toBe(String(6 * MIB + 1));
  });

  it("breaks the answer of a handler that dies half-way", async () => {
    await using world = await startWorld();
    await world.push(
      "half",
      `export default () => {
         let n = 0;
         return new Response(new ReadableStream({ pull(controller) {
           if (n++ === 2) throw new Error("half-way");
           controller.enqueue(new Uint8Array(1000));
         } }));
       }`,
    );
    const response = await world.fetch("/half");
    expect(response.status).toBe(200);
    await expect(response.bytes()).rejects.toThrow();
    await eventually(async () => expect(JSON.stringify(await world.logs("half"))).toContain("half-way"));
  });

  it("breaks the answer of a handler whose stream breaks at once", async () => {
    await using world = await startWorld();
    await world.push(
      "at-once",
      `export default () => new Response(new ReadableStream({ start(controller) { controller.error(new Error("no")) } }))`,
    );
    for (let n = 0; n < 20; n++) {
      const response = await world.fetch("/at-once");
      await expect(response.bytes()).rejects.toThrow();
    }
  });

  it("slows the writer down to its reader, and aborts the handler's signal when that leaves", async () => {
    await using world = await startWorld();
    await world.push(
      "endless",
      `let written = 0, aborted = false;
       export default (request) => {
         if (new URL(request.url).pathname === "/endless/state") return Response.json({ written, aborted });
         request.signal.addEventListener("abort", () => { aborted = true; });
         return new Response(new ReadableStream({ pull(controller) {
           written += 65536;
           controller.enqueue(new Uint8Array(65536));
         } }));
       }`,
    );
    const { response, request: sent } = await open(world, "/endless");
    response.pause();
    const state = async () =>
      JSON.parse((await world.call("/endless/state")).text) as { written: number; aborted: boolean };
    let before = -1;
    await eventually(async () => {
      const { written } = await state();
      const isStill = written === before;
      before = written;
      expect(isStill).toBe(true);
    });
    expect(before).toBeLessThan(16 * MIB);
    expect((await state()).aborted).toBe(false);
    sent.destroy();
    await eventually(async () => expect((await state()).aborted).toBe(true));
  });

  it("refuses a streamed body over its limit", async () => {
    await using world = await startWorld();
    await world.push(
      "small",
      "export default async (request) => new Response(String((await request.bytes()).length))",
      {
        limits: { maxBodyBytes: MIB },
      },
    );
    const answer = await world.call("/small", {
      method: "POST",
      duplex: "half",
      body: new ReadableStream({
        start(controller) {
          for (let n = 0; n < 20; n++) controller.enqueue(new Uint8Array(100_000));
          controller.close();
        },
      }),
    } as RequestInit);
    expect(answer.code).toBe("BODY_TOO_LARGE");
  });

  it("collects a streamed answer for a caller that takes no streams", async () => {
    await using world = await startWorld();
    await world.push(
      "parts",
      `export default () => new Response(new ReadableStream({ start(controller) {
      for (const part of ["a", "b", "c"]) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    } }))`,
    );
    expect((await world.call("/parts")).text).toBe("abc");
    const reply = await world.connection.request("parts", "", { timeoutMs: 2_000 });
    expect(reply.text()).toBe("abc");
  });
});

describe("a small body that comes slowly", () => {
  it("is shown as it comes, and answered part by part", async () => {
    await using world = await startWorld();
    await world.push("lines", "export default (request) => new Response(request.body)");
    const sent = request(world.url("/lines"), { method: "POST", agent: false });
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    sent.write("first");
    const [response] = await answered;
    const [first] = (await once(response, "data")) as [Buffer];
    const second = once(response, "data") as Promise<[Buffer]>;
    sent.end("second");
    expect([first.toString(), (await second).toString()]).toEqual(["first", "second"]);
  });

  it("is given up when it takes longer than a stream may", async () => {
    await using world = await startWorld();
    await world.push("patient", "export default async (request) => new Response(await request.text())", {
      limits: { streamMs: 300 },
    });
    const sent = request(world.url("/patient"), { method: "POST", agent: false });
    sent.write("never ends");
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    expect([response.statusCode, JSON.parse(await text(response)).code]).toEqual([408, "STREAM_LIMIT"]);
    sent.destroy();
  });
});

describe("a streamed answer that says how long it is", () => {
  it("is broken where it is not, and the log says why", async () => {
    await using world = await startWorld();
    await world.push(
      "liar",
      `export default () => new Response(new ReadableStream({ start(controller) {
         controller.enqueue(new Uint8Array(10)); controller.close();
       } }), { headers: { "content-length": "20" } })`,
    );
    await expect(world.fetch("/liar").then((answer) => answer.bytes())).rejects.toThrow();
    await eventually(async () =>
      expect(JSON.stringify(await world.logs("liar"))).toContain("the body has 10 bytes"),
    );
  });
});

describe("trailers", () => {
  it("follow a streamed body, without those that must come before it", async () => {
    await using world = await startWorld();
    await world.push(
      "sums",
      `export default (request, env, ctx) => new Response(new ReadableStream({
         pull(controller) {
           controller.enqueue(new TextEncoder().encode("body"));
           ctx.trailers.set("x-checksum", "42");
           ctx.trailers.set("content-length", "1");
           ctx.trailers.set("narun-frame", "end 0");
           controller.close();
         },
       }))`,
    );
    const { response } = await open(world, "/sums");
    expect(await text(response)).toBe("body");
    expect(response.trailers).toEqual({ "x-checksum": "42" });
  });
});

describe("the time of a request", () => {
  it("does not run while its body is still coming", async () => {
    await using world = await startWorld();
    await world.push(
      "slow-body",
      "export default async (request) => new Response(String((await request.bytes()).length))",
      {
        limits: { timeoutMs: 400 },
      },
    );
    const { response } = await open(world, "/slow-body", {
      method: "POST",
      send: (sent) => {
        sent.write(Buffer.alloc(100_000));
        setTimeout(() => sent.end(Buffer.alloc(100_000)), 800);
      },
    });
    expect(response.statusCode).toBe(200);
  });

  it("runs out where the handler does not look at the body, or has enough of it, and does not answer", async () => {
    await using world = await startWorld();
    await world.push(
      "idle",
      `export default async (request) => {
         if (request.url.endsWith("cancel")) await request.body.cancel();
         await new Promise(() => {});
       }`,
      { limits: { timeoutMs: 300 } },
    );
    for (const query of ["", "cancel"]) {
      const { response } = await open(world, `/idle?${query}`, {
        method: "POST",
        // The end of the body never comes.
        send: (sent) => void sent.write(Buffer.alloc(200_000)),
      });
      expect(response.statusCode).toBe(504);
      response.resume();
    }
  });

  it("runs out when the body has come and no answer follows", async () => {
    await using world = await startWorld();
    await world.push(
      "never",
      "export default async (request) => { await request.bytes(); await new Promise(() => {}); }",
      {
        limits: { timeoutMs: 300 },
      },
    );
    const answer = await world.call("/never", { method: "POST", body: Buffer.alloc(200_000) });
    expect(answer.code).toBe("DEADLINE_EXCEEDED");
  });
});
