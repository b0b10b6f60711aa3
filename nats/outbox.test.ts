import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually } from "../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../test/harness/nats.ts";
import { connectNats, type Nats } from "./connection.ts";

let server: TestNats;
let nats: Nats;

beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "outbox test" });
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

it("keeps the order in which messages, flushes and requests were given", async () => {
  const seen: string[] = [];
  nats.subscribe("order.>", (message) => {
    seen.push(message.text());
    message.respond("");
  });
  await nats.flush();
  nats.publish("order.a", "1");
  nats.publish("order.b", "2");
  await nats.request("order.c", "3", { timeoutMs: 5_000 });
  nats.publish("order.a", "4");
  await nats.flush();
  await nats.request("order.c", "5", { timeoutMs: 5_000 });
  expect(seen).toEqual(["1", "2", "3", "4", "5"]);
});

it("has sent what was published before the connection closes", async () => {
  const received = Promise.withResolvers<string>();
  nats.subscribe("last", (message) => received.resolve(message.text()));
  await nats.flush();
  const other = await connectNats({ url: server.url, name: "outbox test, closing" });
  other.publish("last", "words");
  await other.close();
  expect(await received.promise).toBe("words");
});

it("keeps what is published while the server is away, in order", async () => {
  const received: string[] = [];
  const listener = await connectNats({ url: server.url, name: "outbox test, listening" });
  listener.subscribe("away", (message) => void received.push(message.text()));
  await listener.flush();
  const isAway = new Promise<void>((resolve) =>
    nats.onState((state) => state === "reconnecting" && resolve()),
  );
  await server.kill9();
  await isAway;
  for (const text of ["1", "2", "3"]) nats.publish("away", text);
  await eventually(() => expect(received).toEqual(["1", "2", "3"]));
  await listener.close();
});

it("refuses at once what can never be sent", async () => {
  const closed = await connectNats({ url: server.url, name: "outbox test, closed" });
  await closed.close();
  expect(() => closed.publish("a", "b")).toThrow("closed");
  expect(() => nats.publish("a", new Uint8Array(nats.maxPayload + 1))).toThrow("max_payload");
  expect(() => nats.publish("a", "ü".repeat(nats.maxPayload / 2 + 1))).toThrow("max_payload");
  for (const subject of ["", "a b", "a\r\nPUB b 1\r\nx", "a\t", "a\0"])
    expect(() => nats.publish(subject, "x")).toThrow("no subject");
  for (const value of ["a", "a\r\nB: c", "a\r\nB: c"]) {
    const publish = () => nats.publish("a", "x", new Map([["Name", [value]]]));
    if (value === "a") publish();
    else expect(publish).toThrow("cannot be sent");
  }
  // A name without a value is not sent, and not read.
  nats.publish("a", "x", new Map([["no name", []]]));
  expect(() => nats.publish("a", "x", new Map([["no name", ["a"]]]))).toThrow("cannot be sent");
});

it("carries words that are not ASCII, in the subject, the fields and the data", async () => {
  const heard: unknown[] = [];
  nats.subscribe("grüße.*", (message) => {
    const { subject, headers } = message;
    heard.push([subject, headers, message.text()]);
    message.respond("zurück 🙂", new Map([["Word", ["日本"]]]));
  });
  await nats.flush();
  const headers = new Map([["Word", ["日本", "plain"]]]);
  const reply = await nats.request("grüße.东", "tschüß", { timeoutMs: 5_000, headers });
  expect(heard).toEqual([["grüße.东", headers, "tschüß"]]);
  expect([reply.text(), reply.headers]).toEqual(["zurück 🙂", new Map([["Word", ["日本"]]])]);
});
