import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NarunError } from "../../contracts/index.ts";
import { startConfiguredNats } from "../../test/harness/configured-nats.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { createNatsAccounts } from "../../test/harness/nats-accounts.ts";
import { connectNats } from "../connection.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-test-renewal-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a login that expires is told, and one that is renewed in its file serves without a restart", async () => {
  const accounts = createNatsAccounts();
  await using server = await startConfiguredNats(accounts.config);
  const file = join(folder, "user.creds");
  await writeFile(file, accounts.creds({ lifeS: 2 }));
  const refusals: NarunError[] = [];
  const nats = await connectNats({
    url: server.host,
    login: { creds: { file } },
    name: "renewal test",
    onRefused: (error) => refusals.push(error),
  });
  await eventually(() => expect(nats.state).toBe("reconnecting"));
  await eventually(() => expect(refusals).not.toEqual([]));
  for (const { code, message } of refusals) {
    expect(code).toBe("NATS_LOGIN_REFUSED");
    expect(message).toMatch(/credentials file, which expire[sd] 20\d\d-/);
  }
  // A half-written file is not taken.
  await writeFile(file, "-----BEGIN NATS USER JWT-----\n");
  await writeFile(file, accounts.creds());
  await eventually(() => expect(nats.state).toBe("connected"));
  expect(new Set(refusals.map(({ message }) => message)).size).toBe(refusals.length);
  await nats.close();
});

test("a login that is expired already is told with its time", async () => {
  const accounts = createNatsAccounts();
  await using server = await startConfiguredNats(accounts.config);
  const connecting = connectNats({
    url: server.host,
    login: { creds: accounts.creds({ lifeS: -60 }) },
    name: "renewal test",
  });
  await expect(connecting).rejects.toMatchObject({
    code: "NATS_LOGIN_REFUSED",
    message: expect.stringMatching(/credentials file, which expired 20\d\d-/),
  });
});
