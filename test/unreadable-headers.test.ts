/** Header fields that are invalid in HTTP but possible for other clients of NATS: a name with a space. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "./harness/eventually.ts";
import { startWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.push("hello", "export default () => new Response('hi')");
});
afterAll(() => world[Symbol.asyncDispose]());

/** Speaks NATS' protocol itself, as narun's client sends no such field. Resolves with the complete reply. */
async function request(subject: string, field: string): Promise<string> {
  const socket = connect(world.nats.port, "127.0.0.1");
  let read = "";
  socket.on("data", (bytes: Buffer) => {
    read += bytes.toString("latin1");
  });
  await once(socket, "connect");
  const head = `NATS/1.0\r\n${field}\r\n\r\n`;
  const size = head.length;
  socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB inbox.raw 1\r\n');
  socket.write(`HPUB ${subject} inbox.raw ${size} ${size}\r\n${head}\r\n`, "latin1");
  try {
    return await eventually(() => /HMSG inbox\.raw.*\r\n\r\n.*\r\n/s.exec(read)?.[0] ?? expect.fail(read));
  } finally {
    socket.destroy();
  }
}

const FIELDS = ["bad name: x", "n\u00e4me: x", "bad(name: x", ": x"];

describe("a request whose header fields cannot be read", () => {
  it.each(FIELDS)("to a gateway is answered with a problem (%s)", async (field) => {
    const reply = await request("narun.invoke.hello", field);
    expect(reply).toContain("X-Response-Status-Code: 400\r\n");
    expect(reply).toContain("Nats-Service-Error-Code: 400\r\n");
    expect(reply).toContain("BAD_REQUEST");
  });

  it.each(FIELDS)("to a function's own subject is answered (%s)", async (field) => {
    expect((await world.call("/hello")).status).toBe(200);
    const reply = await request("hello", field);
    // A function may get a name that is invalid in HTTP, if the client library reads it.
    expect(reply).toMatch(
      ["bad(name: x", ": x"].includes(field) ? /\r\n\r\nhi\r\n$/ : /Nats-Service-Error-Code: 400\r\n/,
    );
  });

  it("leaves the connections as they are", async () => {
    await request("narun.invoke.hello", "bad name: x");
    expect((await world.call("/hello")).text).toBe("hi");
  });
});

describe("a reply whose header fields cannot be read", () => {
  it("is told as that to a client, a binding of a service and one of a subject", async () => {
    const socket = connect(world.nats.port, "127.0.0.1");
    await once(socket, "connect");
    const head = "NATS/1.0\r\nbad name: x\r\n\r\n";
    socket.on("data", (bytes: Buffer) => {
      for (const [, reply] of bytes.toString().matchAll(/^H?MSG \S+ \S+ (\S+) /gm))
        socket.write(`HPUB ${reply} ${head.length} ${head.length}\r\n${head}\r\n`);
    });
    socket.write(
      'CONNECT {"verbose":false,"headers":true}\r\nSUB foreign 1\r\nSUB some.subject 2\r\nPING\r\n',
    );
    await once(socket, "data");
    await world.push(
      "asking",
      `export default async (request, env) => {
         const { status } = await env.FOREIGN.fetch("/");
         const error = await env.BUS.request("some.subject", "").catch((error) => error.message);
         return Response.json([status, error]);
       }`,
      {
        bindings: [
          { name: "FOREIGN", service: "foreign" },
          { name: "BUS", publish: ["some.subject"] },
        ],
      },
    );
    const { text } = await world.call("/asking");
    expect(JSON.parse(text)).toEqual([502, '"some.subject": the reply\'s header fields cannot be read']);
    socket.destroy();
  });
});
