/** Connections of the door for gRPC: certificates that are replaced, and keepalive from both sides. */
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, constants } from "node:http2";
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { credentials, Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { frameMessage } from "../../contracts/index.ts";
import { makeCertificate } from "../harness/configured-nats.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";
import { rawClient, rawSource } from "./raw-functions.ts";

let world: World;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-grpc-connections-"));
  world = await startWorld({ gateway: { grpcKeepAlive: { pingMs: 50, clientPingMs: 60_000 } } });
  await world.push("raw", rawSource, { grpc: ["pkg.Raw"], routes: [] });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const address = () => world.gateway.grpcAddress ?? "";

/** A conversation that goes on over the tests' events. */
function beginChat(client: ReturnType<typeof rawClient>) {
  const chat = client.open("/pkg.Raw/Chat", new Metadata());
  const result = client.collect(chat);
  const say = async (word: string) => {
    const heard = once(chat, "data");
    chat.write(word);
    expect(await heard).toEqual([`you said ${word}`]);
  };
  const end = () => {
    chat.end();
    return result;
  };
  return { say, end };
}

describe("a certificate that is replaced", () => {
  it("is served to new connections, and no call ends", async () => {
    const [first, second] = [await makeCertificate(folder, "first"), await makeCertificate(folder, "second")];
    if (first === undefined || second === undefined) return;
    const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
    await copyFile(first.cert, files.cert);
    await copyFile(first.key, files.key);
    const [cert, key] = [await readFile(files.cert), await readFile(files.key)];
    const gateway = await world.startGateway({ grpcTls: { cert, key, files, everyMs: 10 } });
    const port = Number(gateway.grpcAddress?.split(":")[1]);
    const served = async () => {
      const socket = connectTls({
        port,
        host: "127.0.0.1",
        rejectUnauthorized: false,
        ALPNProtocols: ["h2"],
      });
      await once(socket, "secureConnect");
      const name = socket.getPeerCertificate().subject.CN;
      socket.destroy();
      return name;
    };
    const open = async (ca: string) =>
      rawClient(`localhost:${port}`, {}, credentials.createSsl(await readFile(ca)));
    using before = await open(first.cert);
    const chat = beginChat(before);
    await chat.say("one");
    expect(await served()).toBe("first");

    await copyFile(second.cert, files.cert);
    // The pair does not belong together now.
    expect(await served()).toBe("first");
    await copyFile(second.key, files.key);
    await eventually(async () => expect(await served()).toBe("second"));

    await chat.say("two");
    using after = await open(second.cert);
    expect(await after.call("/pkg.Raw/Echo", ["x"], new Metadata())).toMatchObject({ code: status.OK });
    expect(await chat.end()).toMatchObject({ code: status.OK, messages: ["you said one", "you said two"] });
    await gateway.close();
  });
});

describe("keepalive", () => {
  it("asks a client, and keeps the connection of one that answers", async () => {
    const session = connect(`http://${address()}`);
    let pings = 0;
    session.on("ping", () => {
      pings += 1;
    });
    await eventually(() => expect(pings).toBeGreaterThan(3));
    expect(session.closed).toBe(false);
    session.destroy();
  });

  it("ends the connection of a client that does not answer", async () => {
    const [host = "", port] = address().split(":");
    const socket = connectTcp(Number(port), host);
    // The preface, and empty settings. No frame that the gateway sends is answered.
    socket.write(
      Buffer.concat([
        Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
      ]),
    );
    socket.resume();
    socket.on("error", () => undefined);
    await once(socket, "close");
  });

  it("takes pings of grpc-js with a call, as often as it likes", async () => {
    using client = rawClient(address(), { "grpc.keepalive_time_ms": 10, "grpc.keepalive_timeout_ms": 5_000 });
    const chat = beginChat(client);
    await chat.say("one");
    // Pings cannot be seen from outside: the time of some of them.
    for (let at = 0; at < 10; at += 1) await Promise.all([chat.say("more"), sleep(10)]);
    await chat.say("two");
    expect((await chat.end()).code).toBe(status.OK);
  });

  it("ends a connection without a call that asks too often, by GOAWAY, and serves the next one", async () => {
    const session = connect(`http://${address()}`);
    session.on("error", () => undefined);
    const told = once(session, "goaway");
    await once(session, "connect");
    for (let at = 0; at < 8; at += 1) session.ping(() => undefined);
    const [code, , data] = await told;
    expect([code, String(data)]).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings"]);
    session.destroy();
    using client = rawClient(address());
    expect((await client.call("/pkg.Raw/Echo", ["x"], new Metadata())).code).toBe(status.OK);
  });
});

describe("a connection that gets old", () => {
  it("is closed by GOAWAY without an error when its call has ended, and not before", async () => {
    const gateway = await world.startGateway({ grpcKeepAlive: { maxAgeMs: 300 } });
    const session = connect(`http://${gateway.grpcAddress}`);
    session.on("error", () => undefined);
    const told = once(session, "goaway");
    const closed = once(session, "close");
    const stream = session.request({
      ...{ ":method": "POST", ":path": "/pkg.Raw/Chat", "content-type": "application/grpc", te: "trailers" },
    });
    const said: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => said.push(chunk));
    stream.write(frameMessage(Buffer.from("one")));
    const [code] = await told;
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    // The call goes on.
    stream.write(frameMessage(Buffer.from("two")));
    await eventually(() => expect(Buffer.concat(said).toString()).toContain("you said two"));
    expect(session.destroyed).toBe(false);
    const trailers = once(stream, "trailers");
    stream.end();
    expect((await trailers)[0]).toMatchObject({ "grpc-status": "0" });
    await closed;
    await gateway.close();
  });

  it("costs no call of a client that has many, and goes on to call", async () => {
    const gateway = await world.startGateway({ grpcKeepAlive: { maxAgeMs: 150 } });
    let connections = 0;
    const between = createTcpServer((socket) => {
      connections += 1;
      const onward = connectTcp(Number(gateway.grpcAddress?.split(":")[1]), "127.0.0.1");
      for (const end of [socket, onward]) end.on("error", () => undefined);
      socket.pipe(onward).pipe(socket);
    }).listen(0, "127.0.0.1");
    await once(between, "listening");
    // A client that was disconnected soon waits, by default for longer each time.
    const soon = { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 100 };
    using client = rawClient(`127.0.0.1:${(between.address() as AddressInfo).port}`, soon);
    const codes: number[] = [];
    const caller = async () => {
      while (connections < 10) codes.push((await client.call("/pkg.Raw/Echo", ["x"], new Metadata())).code);
    };
    await Promise.all(Array.from({ length: 8 }, caller));
    expect(new Set(codes)).toEqual(new Set([status.OK]));
    await gateway.close();
    between.close();
  });
});
