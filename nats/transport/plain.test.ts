/** A connection on the client library's own transport. All connections of this file use it: a process has one transport. */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats, type NatsOptions } from "../connection.ts";
import { createHeaders } from "../headers.ts";

let server: TestNats;
beforeAll(async () => {
  server = await startTestNats();
});
afterAll(() => server.close());

const opened: Nats[] = [];
afterEach(async () => void (await Promise.all(opened.splice(0).map((nats) => nats.close()))));

async function connect(options: Partial<NatsOptions> = {}): Promise<Nats> {
  const nats = await connectNats({ url: server.url, name: "plain", transport: "plain", ...options });
  opened.push(nats);
  return nats;
}

/** The library's own transport has no lane of ours. */
function transportOf({ connection }: Nats): object {
  return (connection as unknown as { protocol: { transport: object } }).protocol.transport;
}

it("uses no transport of ours", async () => {
  const nats = await connect();
  expect(nats.transport).toBe("plain");
  expect(transportOf(nats).constructor.name).toBe("NodeTransport");
});

it("carries header fields both ways", async () => {
  const nats = await connect();
  const fields: [string, string][] = [
    ["x-Some", "1"],
    ["x-Some", "2: 3"],
    ["Empty", ""],
    ["Text", "grün"],
  ];
  nats.subscribe("fields", (message) => message.respond("", message.headers));
  await nats.flush();
  const { headers } = await nats.request("fields", "", {
    timeoutMs: 5_000,
    headers: createHeaders(fields),
  });
  expect(headers).toEqual(createHeaders(fields));
  // A message without header fields has no header block.
  const plain = await connect();
  const reply = new Promise((resolve) => plain.subscribe("answer", (message) => resolve(message.headers)));
  await plain.flush();
  nats.publish("answer", "x");
  expect(await reply).toBeUndefined();
});

it("sends data frames as messages, of bytes that may change afterwards", async () => {
  const nats = await connect();
  const frames: [string | undefined, string][] = [];
  nats.subscribe("frames", (message) =>
    frames.push([message.headers?.get("Narun-Frame")?.[0], message.text()]),
  );
  await nats.flush();
  const bytes = Buffer.from("abc");
  nats.sendData("frames", 0, bytes, () => bytes.fill("!"));
  nats.sendData("frames", 1, Buffer.from("def"));
  await eventually(() =>
    expect(frames).toEqual([
      ["data 0", "abc"],
      ["data 1", "def"],
    ]),
  );
});

it("keeps what is published while the server is away, in order", async () => {
  const received: string[] = [];
  const [nats, listener] = [await connect(), await connect()];
  listener.subscribe("away", (message) => void received.push(message.text()));
  await listener.flush();
  const isAway = new Promise<void>((resolve) =>
    nats.onState((state) => state === "reconnecting" && resolve()),
  );
  await server.kill9();
  await isAway;
  for (const text of ["1", "2", "3"]) nats.publish("away", text);
  await eventually(() => expect(received).toEqual(["1", "2", "3"]));
});

it("says NATS_UNREACHABLE where no server listens", async () => {
  const failure = connect({ url: "nats://127.0.0.1:1" });
  await expect(failure).rejects.toMatchObject({ code: "NATS_UNREACHABLE" });
});
