import { expect, test } from "vitest";
import type { NarunError } from "../contracts/index.ts";
import { startConfiguredNats } from "../test/harness/configured-nats.ts";
import { connectNats } from "./connection.ts";
import { discoverServices } from "./discovery.ts";
import { createHeaders } from "./headers.ts";
import { openNodeStates } from "./stores.ts";

/** `permissions` of the user whom the test connects as. */
async function startWith(permissions: string) {
  const server = await startConfiguredNats(
    `authorization { users: [{ user: "ann", password: "word", permissions: { ${permissions} } }] }`,
  );
  const told: NarunError[] = [];
  const nats = await connectNats({
    url: `ann:word@${server.host}`,
    name: "permissions test",
    onRefused: (error) => told.push(error),
  });
  return {
    nats,
    told,
    async [Symbol.asyncDispose]() {
      await nats.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

const refusing = (words: string) => ({
  code: "NATS_PERMISSIONS_VIOLATION",
  message: expect.stringContaining(words),
});

/** Longer than a test may take: who waits for it instead of hearing of the refusal fails by the test's own time. */
const NEVER_MS = 1_000_000;

test("a request whose inbox is not permitted is refused at once, with the inbox named", async () => {
  await using world = await startWith('subscribe: { deny: "_INBOX.>" }');
  const { nats } = world;
  await expect(nats.request("any", "", { timeoutMs: NEVER_MS })).rejects.toMatchObject(
    refusing('subscribe to "_INBOX.'),
  );
  // Again, as the client library keeps its own inbox for all requests.
  await expect(nats.request("any", "", { timeoutMs: NEVER_MS })).rejects.toMatchObject(
    refusing('subscribe to "_INBOX.'),
  );
  for (const _ of [1, 2]) {
    const refused = Promise.withResolvers<NarunError>();
    nats.send("any", new Uint8Array(), createHeaders(), refused.reject, refused.resolve);
    expect(await refused.promise).toMatchObject(refusing('subscribe to "_INBOX.'));
  }
});

test("a request to a subject that is not permitted is refused at once, and no other", async () => {
  await using world = await startWith('publish: { deny: "secret.>" }');
  const { nats, told } = world;
  nats.subscribe("open", (message) => message.respond("here"));
  await expect(nats.request("secret.one", "", { timeoutMs: NEVER_MS })).rejects.toMatchObject(
    refusing('publish to "secret.one"'),
  );
  const replied = Promise.withResolvers<string>();
  const refused = Promise.withResolvers<NarunError>();
  nats.send("secret.two", new Uint8Array(), createHeaders(), refused.reject, refused.resolve);
  nats.send(
    "open",
    new Uint8Array(),
    createHeaders(),
    (reply) => replied.resolve(reply.text()),
    replied.reject,
  );
  expect(await refused.promise).toMatchObject(refusing('publish to "secret.two"'));
  expect(await replied.promise).toBe("here");
  // Refusals without a waiting caller are reported, too, and each only once.
  for (const _ of [1, 2]) nats.publish("secret.three", "");
  await nats.flush();
  await expect(nats.request("secret.four", "", { timeoutMs: NEVER_MS })).rejects.toThrow();
  expect(
    told.map(({ fields }) => fields.subject).filter((subject) => subject === "secret.three"),
  ).toHaveLength(1);
});

test("confirm rejects for a subscription that is not permitted", async () => {
  await using world = await startWith('subscribe: { deny: "secret.>" }');
  const { nats } = world;
  const open = nats.subscribe("open", () => undefined);
  const secret = nats.subscribe("secret.one", () => undefined, { queue: "q" });
  await nats.confirm([open]);
  await expect(nats.confirm([open, secret])).rejects.toMatchObject(
    refusing('subscribe to "secret.one" in the queue group "q"'),
  );
  await expect(nats.confirm()).rejects.toMatchObject(refusing("secret.one"));
  secret.unsubscribe();
  await nats.confirm();
});

test("discovery and stores name the subject that is not permitted", async () => {
  await using world = await startWith('publish: { deny: ["$SRV.>", "$JS.API.>"] }');
  await expect(discoverServices(world.nats, { maxWaitMs: NEVER_MS })).rejects.toMatchObject(
    refusing('publish to "$SRV.PING"'),
  );
  await expect(openNodeStates(world.nats)).rejects.toMatchObject(refusing('publish to "$JS.API.'));
});
