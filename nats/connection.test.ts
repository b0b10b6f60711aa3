import { spawn } from "node:child_process";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats } from "./connection.ts";
import type { ConnectionState } from "./connection-status.ts";
import { createHeaders, headerValue } from "./headers.ts";
import { decideReconnectDelayMs } from "./reconnect-delay.ts";
import { NoReplyError } from "./request.ts";
import { isRecentServer } from "./server-version.ts";

let server: TestNats;
beforeAll(async () => {
  server = await startTestNats();
});
afterAll(() => server.close());

const connect = (name = "test") => connectNats({ url: server.url, name });

test("answers a request with data and headers", async () => {
  const nats = await connect();
  nats.subscribe("echo", (message) =>
    message.respond(message.data, createHeaders([["X-Seen", headerValue(message.headers, "X-Sent") ?? ""]])),
  );
  const reply = await nats.request("echo", "hi", {
    timeoutMs: 5_000,
    headers: createHeaders([["X-Sent", "yes"]]),
  });
  expect(reply.text()).toBe("hi");
  expect(headerValue(reply.headers, "X-Seen")).toBe("yes");
  await nats.close();
});

test("tells a request without a subscriber from a request without an answer", async () => {
  const nats = await connect();
  nats.subscribe("silent", () => undefined);
  await expect(nats.request("nobody", "", { timeoutMs: 5_000 })).rejects.toMatchObject({
    reason: "no-responders",
  });
  const unanswered = nats.request("silent", "", { timeoutMs: 20 });
  await expect(unanswered).rejects.toThrow(NoReplyError);
  await expect(unanswered).rejects.toMatchObject({ reason: "timeout" });
  await nats.close();
});

test("says NATS_UNREACHABLE where nothing listens, without the login in the address", async () => {
  const url = `nats://user:secret@127.0.0.1:${await unusedPort()}`;
  const failure = await connectNats({ url, name: "test" }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "NATS_UNREACHABLE" });
  expect(String(failure)).not.toContain("secret");
});

test("says NATS_TOO_OLD of a server below 2.14", async () => {
  // Only the INFO of an old server counts, so this one sends nothing else.
  const old = createServer((socket) => {
    socket.write(`INFO ${JSON.stringify({ version: "2.10.29", headers: true, max_payload: 1_048_576 })}\r\n`);
    socket.on("data", (chunk) => {
      if (chunk.toString().includes("PING")) socket.write("PONG\r\n");
    });
    socket.on("error", () => socket.destroy());
  });
  const port = await new Promise<number>((resolve) => {
    old.listen(0, "127.0.0.1", () => resolve(portOf(old.address())));
  });
  const failure = await connectNats({ url: `nats://127.0.0.1:${port}`, name: "test" }).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: "NATS_TOO_OLD" });
  expect(String(failure)).toContain("2.10.29");
  old.close();
});

test.each([
  ["2.14.0", true],
  ["2.15.1", true],
  ["2.14.0-RC.2", true],
  ["3.0.0", true],
  ["2.13.9", false],
  ["1.99.0", false],
  ["unknown", false],
])("takes version %s for recent: %s", (version, isRecent) => {
  expect(isRecentServer(version)).toBe(isRecent);
});

test("reconnects fast at first, then every 1 to 2 s", () => {
  const delays = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((attempts) => decideReconnectDelayMs(attempts, 1));
  expect(delays).toEqual([25, 50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
  expect(decideReconnectDelayMs(100, 0)).toBe(1_000);
});

test("reports its state, reconnects, and keeps its subscriptions when the server is killed", async () => {
  const nats = await connect();
  const states: ConnectionState[] = [];
  nats.onState((state) => states.push(state));
  nats.subscribe("echo.kill", (message) => message.respond("still here"));
  await nats.flush();
  await server.kill9();
  await eventually(() => expect(states).toEqual(["reconnecting", "connected"]));
  const reply = await eventually(() => nats.request("echo.kill", "", { timeoutMs: 1_000 }));
  expect(reply.text()).toBe("still here");
  await nats.close();
  await eventually(() => expect(states.at(-1)).toBe("closed"));
});

test("goes on after a handler that throws, and tells of it", async () => {
  const thrown: [unknown, string][] = [];
  const nats = await connectNats({
    url: server.url,
    name: "test",
    onHandlerError: (error, subject) => thrown.push([error, subject]),
  });
  nats.subscribe("faulty", (message) => {
    if (message.text() === "bad") throw new Error("fault");
    message.respond("fine");
  });
  nats.publish("faulty", "bad");
  expect((await nats.request("faulty", "good", { timeoutMs: 1_000 })).text()).toBe("fine");
  expect(thrown).toEqual([[expect.objectContaining({ message: "fault" }), "faulty"]]);
  await nats.close();
});

test("calls back with every reply to a sent request until it is released", async () => {
  const nats = await connect();
  nats.subscribe("twice", (message) => {
    message.respond("one");
    message.respond("two");
  });
  const replies: string[] = [];
  const pending = nats.send("twice", new Uint8Array(), createHeaders(), (reply) =>
    replies.push(reply.text()),
  );
  await eventually(() => expect(replies).toEqual(["one", "two"]));
  pending.release();

  const statuses: number[] = [];
  const refused = nats.send("nobody", new Uint8Array(), createHeaders(), (reply) =>
    statuses.push(reply.status),
  );
  await eventually(() => expect(statuses).toEqual([503]));
  refused.release();
  await nats.close();
});

test("hands nothing over after a sent request was released", async () => {
  const nats = await connect();
  nats.subscribe("late", (message) => message.respond("late"));
  let isCalled = false;
  nats
    .send("late", new Uint8Array(), createHeaders(), () => {
      isCalled = true;
    })
    .release();
  // The reply comes before the answer to a later request of the same connection.
  await nats.request("late", "", { timeoutMs: 1_000 });
  expect(isCalled).toBe(false);
  await nats.close();
});

test("waits out a server that refuses its login for a while", async () => {
  const port = await unusedPort();
  const open = await startPlainServer(port);
  const nats = await connectNats({ url: `nats://127.0.0.1:${port}`, name: "login test" });
  const refused = (async () => {
    let attempts = 0;
    // The library itself gives up after the second refusal.
    for await (const { type } of nats.connection.status())
      if (type === "reconnecting" && ++attempts > 5) return;
  })();
  await open.end();
  const closed = await startPlainServer(port, ["--user", "somebody", "--pass", "else"]);
  await refused;
  await closed.end();
  const again = await startPlainServer(port);
  await eventually(() => expect(nats.state).toBe("connected"));
  await nats.close();
  await again.end();
});

/** A nats-server without JetStream that takes connections; `end` resolves when it is gone. */
async function startPlainServer(port: number, args: string[] = []): Promise<{ end(): Promise<void> }> {
  const child = spawn(inject("natsServer"), ["-a", "127.0.0.1", "-p", String(port), ...args], {
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const probe = createConnection(port, "127.0.0.1", () => resolve(void probe.destroy())).on(
          "error",
          reject,
        );
      }),
  );
  return {
    async end() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function unusedPort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.listen(0, "127.0.0.1", () => {
      const port = portOf(probe.address());
      probe.close(() => resolve(port));
    });
  });
}

test("hears on after the client library threw at a message", async () => {
  const thrown: [unknown, string][] = [];
  const nats = await connectNats({
    url: server.url,
    name: "test",
    onHandlerError: (error, subject) => thrown.push([error, subject]),
  });
  const fault = new TypeError("a fault");
  nats.connection.subscribe("faulty", {
    callback: () => {
      throw fault;
    },
  });
  nats.subscribe("sound", (message) => message.respond("heard"));
  nats.publish("faulty", "");
  expect((await nats.request("sound", "", { timeoutMs: 5_000 })).text()).toBe("heard");
  expect(thrown).toEqual([[fault, "faulty"]]);
  await nats.close();
});

test("tries again where the server breaks a first connection at its login", async () => {
  let attempts = 0;
  // As a server that stops, or a proxy whose server does.
  const door = createServer((client) => {
    attempts += 1;
    const upstream = createConnection(server.port, "127.0.0.1");
    client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
    upstream.on("error", () => client.destroy()).pipe(client);
    if (attempts < 3) client.once("data", () => client.resetAndDestroy());
    else client.pipe(upstream);
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  const { port } = door.address() as AddressInfo;
  const url = `nats://127.0.0.1:${port}`;
  const nats = await connectNats({ url, name: "test", connectTimeoutMs: 2_000 });
  expect([attempts, nats.state]).toEqual([3, "connected"]);
  await nats.close();
  door.close();
});
