import { expect, test } from "vitest";
import { natsOptions } from "./nats.ts";
import { flagArguments, resolveOptions } from "./resolve.ts";

const SEED = `SU${"A".repeat(56)}`;
const JWT = "eyJ0eXAiOiJKV1QifQ.eyJqdGkiOiIxIn0.c2ln";

test.each([
  ["NATS_NKEY", SEED, "nkey"],
  ["NATS_NKEY", `${SEED}\n`, "nkey"],
  ["NATS_NKEY", ` ${SEED}\r\n`, "nkey"],
  ["NATS_NKEY", `# the seed of ann\n${SEED}`, "nkey"],
  ["NATS_CREDS", `-----BEGIN NATS USER JWT-----\n${JWT}\n`, "creds"],
  ["NATS_CREDS", `${JWT}\n`, "creds"],
  ["NATS_KEY", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n", "key"],
] as const)("%s is a secret and no file: %j", async (variable, text, name) => {
  const { [name]: setting } = await resolveOptions(natsOptions, {}, { [variable]: text });
  expect(setting.value).toBe(text);
  expect(setting.given && natsOptions[name].show(setting.given)).toBe("(hidden)");
});

test.each(["/etc/narun/node.creds", "Seed.txt", "./S key", "eyJ.creds"])("%j is a file", async (text) => {
  const { creds } = await resolveOptions(natsOptions, {}, { NATS_CREDS: text });
  expect(creds.value).toEqual({ file: text });
  expect(creds.given && natsOptions.creds.show(creds.given)).toBe(text);
});

test.each(["password", "token", "nkey", "creds", "ca", "cert", "key"] as const)(
  "an empty flag for the file of %s is none",
  async (name) => {
    const variable = natsOptions[name].variables.at(-1) ?? "";
    const flags = { [name]: [""] };
    expect((await resolveOptions(natsOptions, flags, {}))[name]).toEqual({
      value: undefined,
      given: undefined,
    });
    const settings = await resolveOptions(natsOptions, flags, { [variable]: "a" });
    expect(settings[name].given?.source).toEqual({ kind: "variable", name: variable });
    expect(flagArguments(natsOptions, settings)).toEqual([]);
  },
);

test.each([
  ["127.0.0.1:4222", "127.0.0.1:4222"],
  ["nats://a:1, tls://[::1]:2", "nats://a:1, tls://[::1]:2"],
  ["ann:s3cret@host:1", "***@host:1"],
  ["nats://ann:s3/c@r%t:s3@host:1", "nats://***@host:1"],
  ["nats://s3cret@a:1,tls://ann:s3cret@[::1]:2/", "nats://***@a:1,tls://***@[::1]:2/"],
  ["nats://ann:s3cret@a:1,b:2", "nats://***@a:1,b:2"],
  // The comma may belong to the password, so that no part of the text is known to be an address.
  ["nats://ann:s3,cret@host:1", "(hidden)"],
  ["nats://ann:42,s3cret@host:1", "(hidden)"],
  ["nats://ann:p@s3,cret@host:1", "(hidden)"],
  ["ann:s3,bob:cret@host", "(hidden)"],
  ["nats://ann:s3cret@", "(hidden)"],
  ["nats://ann@host:s3cret", "(hidden)"],
  ["ws://ann:s3cret@host", "(hidden)"],
])("the address %j is shown as %j", async (text, shown) => {
  const { nats } = await resolveOptions(natsOptions, { nats: [text] }, {});
  expect(nats.given && natsOptions.nats.show(nats.given)).toBe(shown);
});
