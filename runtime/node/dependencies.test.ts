import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FunctionSpec } from "../../contracts/index.ts";
import { addFile, removeFile, removeSecret, rotateSecretsKey, setSecret } from "../../control/index.ts";
import { connectNats, generateSecretsKey, type Nats, parseSecretsKey } from "../../nats/index.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { createDependencies } from "./dependencies.ts";

const closers = new AsyncDisposableStack();
afterAll(() => closers.disposeAsync());
let nats: Nats;
beforeAll(async () => {
  const server = closers.use(await startTestNats());
  nats = await connectNats({ url: server.url, name: "test" });
  closers.defer(() => nats.close());
});

const newKey = () => {
  const key = parseSecretsKey(generateSecretsKey());
  if (key === undefined) throw new Error("it is a key");
  return key;
};
const specOf = (parts: object) => ({ env: [], bindings: [], ...parts }) as unknown as FunctionSpec;
const body = (text: string) =>
  (async function* () {
    yield Buffer.from(text);
  })();
const start = () => {
  const end = new AbortController();
  closers.defer(() => end.abort());
  let changes = 0;
  const dependencies = createDependencies({
    nats,
    log: pino({ level: "silent" }),
    onChange: () => {
      changes += 1;
    },
  });
  dependencies.start(end.signal);
  return { dependencies, changes: () => changes };
};

test("a function that uses nothing has no versions, and opens no store", async () => {
  const { dependencies, changes } = start();
  expect(dependencies.versionsOf(specOf({}))).toBe("");
  expect(dependencies.isReady).toBe(true);
  await dependencies.ready();
  expect(changes()).toBe(0);
});

test("a secret has another version when its value is set, and the same under another master key", async () => {
  const [key, next] = [newKey(), newKey()];
  await setSecret(nats, key, { name: "a", value: "1" });
  const [a, b] = ["a", "b"].map((valueFromSecret) => specOf({ env: [{ name: "X", valueFromSecret }] }));
  if (a === undefined || b === undefined) throw new Error("there are two");
  const { dependencies } = start();
  dependencies.versionsOf(a);
  expect(dependencies.isReady).toBe(false);
  await dependencies.ready();
  const first = dependencies.versionsOf(a);

  await rotateSecretsKey(nats, { from: key, to: next });
  // The changes of a bucket come in order: this one is behind the rotation.
  const without = dependencies.versionsOf(b);
  await setSecret(nats, next, { name: "b", value: "1" });
  await eventually(() => expect(dependencies.versionsOf(b)).not.toBe(without));
  expect(dependencies.versionsOf(a)).toBe(first);

  await setSecret(nats, next, { name: "a", value: "2" });
  await eventually(() => expect(dependencies.versionsOf(a)).not.toBe(first));
  const second = dependencies.versionsOf(a);
  await removeSecret(nats, "a");
  const last = dependencies.versionsOf(b);
  await setSecret(nats, next, { name: "b", value: "2" });
  await eventually(() => expect(dependencies.versionsOf(b)).not.toBe(last));
  expect(dependencies.versionsOf(a)).toBe(second);
});

test("a mounted file has another version when its bytes change, and the same when they are stored again", async () => {
  const spec = specOf({ mounts: [{ path: "etc/conf", source: { objectStore: "conf" } }] });
  const other = specOf({ mounts: [{ path: "x", source: { objectStore: "other" } }] });
  const { dependencies } = start();
  dependencies.versionsOf(spec);
  await dependencies.ready();
  const none = dependencies.versionsOf(spec);
  const add = (name: string, text: string) => addFile(nats, { name, originalName: name, body: body(text) });
  await add("conf", "one");
  await eventually(() => expect(dependencies.versionsOf(spec)).not.toBe(none));
  const one = dependencies.versionsOf(spec);
  await add("conf", "one");
  await add("other", "x");
  await eventually(() => expect(dependencies.versionsOf(other)).toMatch(/SHA-256/));
  expect(dependencies.versionsOf(spec)).toBe(one);
  await add("conf", "two");
  await eventually(() => expect(dependencies.versionsOf(spec)).not.toBe(one));
  const two = dependencies.versionsOf(spec);
  await removeFile(nats, "conf");
  const before = dependencies.versionsOf(other);
  await add("other", "y");
  await eventually(() => expect(dependencies.versionsOf(other)).not.toBe(before));
  expect(dependencies.versionsOf(spec)).toBe(two);
});
