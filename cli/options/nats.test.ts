import { expect, test } from "vitest";
import { natsOptions } from "./nats.ts";
import { resolveOptions } from "./resolve.ts";

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
