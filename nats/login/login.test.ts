import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../../test/harness/caddy.ts";
import { makeCertificate, startConfiguredNats } from "../../test/harness/configured-nats.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { createNatsAccounts } from "../../test/harness/nats-accounts.ts";
import { connectNats, type NatsOptions } from "../connection.ts";
import type { ConnectionState } from "../connection-status.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-test-login-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Connects, proves that something passes, and leaves. */
async function visit(options: Omit<NatsOptions, "name">): Promise<string> {
  const nats = await connectNats({ ...options, name: "login test" });
  try {
    nats.subscribe("own", (message) => message.respond("passed"));
    return (await nats.request("own", "", { timeoutMs: 5_000 })).text();
  } finally {
    await nats.close();
  }
}

const refused = (options: Omit<NatsOptions, "name">) => visit(options).catch((error: unknown) => error);

describe("a login", () => {
  it("of a user is taken from the address, escaped or not, and from texts and files", async () => {
    await using server = await startConfiguredNats('authorization { user: "ann", password: "s3/c@r%t:x" }');
    const password = join(folder, "password");
    await writeFile(password, "s3/c@r%t:x\n");
    for (const url of [
      `nats://ann:s3%2Fc%40r%25t%3Ax@${server.host}`,
      `nats://ann:s3/c@r%t:x@${server.host}`,
      `ann:s3/c@r%t:x@${server.host}`,
    ])
      expect(await visit({ url })).toBe("passed");
    const url = `nats://nobody:else@${server.host}`;
    expect(await visit({ url, login: { user: "ann", password: { file: password } } })).toBe("passed");
  });

  it("that is refused is told as that, and the password is not", async () => {
    await using server = await startConfiguredNats('authorization { user: "ann", password: "right" }');
    const wrong = await refused({ url: `ann:wr0ng@${server.host}` });
    expect(wrong).toMatchObject({ code: "NATS_LOGIN_REFUSED" });
    expect(String(wrong)).toContain('user "ann"');
    expect(String(wrong)).not.toContain("wr0ng");
    const none = await refused({ url: `nats://${server.host}` });
    expect(none).toMatchObject({ code: "NATS_LOGIN_REFUSED" });
    expect(String(none)).toContain("no login was given");
  });

  it("that a cluster refuses is told, though each of its servers names the others", async () => {
    const ports = [await freePort(), await freePort()];
    const configs = ports.map(
      (port) => `authorization { user: "ann", password: "right" }
        server_name: s${port}
        cluster { name: two, listen: "127.0.0.1:${port}", routes: [${ports.map((to) => `"nats://127.0.0.1:${to}"`)}] }`,
    );
    await using first = await startConfiguredNats(configs[0] ?? "");
    await using _second = await startConfiguredNats(configs[1] ?? "");
    const known = await connectNats({ url: `ann:right@${first.host}`, name: "login test" });
    await eventually(() => expect(known.cluster.seen.size).toBe(2));
    await known.close();
    const wrong = await refused({ url: `ann:wr0ng@${first.host}` });
    expect(wrong).toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  });

  it("may be a token, in the address or beside it", async () => {
    await using server = await startConfiguredNats('authorization { token: "t0ken" }');
    expect(await visit({ url: `nats://t0ken@${server.host}` })).toBe("passed");
    expect(await visit({ url: `nats://${server.host}`, login: { token: "t0ken" } })).toBe("passed");
    const wrong = await refused({ url: `nats://other@${server.host}` });
    expect(wrong).toMatchObject({ code: "NATS_LOGIN_REFUSED" });
  });

  it("may be the seed of an nkey, in a file with comments; the file is read at each connect", async () => {
    const [first, second] = [nkeys.createUser(), nkeys.createUser()];
    const config = (key: typeof first) => `authorization { users: [{ nkey: ${key.getPublicKey()} }] }`;
    const seedOf = (key: typeof first) => new TextDecoder().decode(key.getSeed());
    await using server = await startConfiguredNats(config(first));
    const nkey = join(folder, "user.nk");
    await writeFile(nkey, `# the user's\n${seedOf(first)}\n`);
    const options = { url: `nats://${server.host}`, login: { nkey: { file: nkey } }, name: "nkey test" };
    const nats = await connectNats(options);
    const states: ConnectionState[] = [];
    nats.onState((state) => states.push(state));
    await writeFile(nkey, seedOf(second));
    // The server sends those away whose key it no longer knows.
    await server.reload(config(second));
    await eventually(() => expect(states).toEqual(["reconnecting", "connected"]));
    await nats.close();
  });

  it("may be the text of a credentials file, as a shell gives it: without its last line end", async () => {
    const accounts = createNatsAccounts();
    await using server = await startConfiguredNats(accounts.config);
    const creds = accounts.creds();
    for (const text of [creds, creds.trim(), `\n${creds}\n`])
      expect(await visit({ url: server.host, login: { creds: text } })).toBe("passed");
  });

  it("that cannot be read is told with its file's kind", async () => {
    await expect(visit({ login: { creds: { file: "/nowhere" } } })).rejects.toThrow(
      /the credentials file cannot be read/,
    );
    await expect(visit({ login: { nkey: "nothing" } })).rejects.toThrow(/the nkey file has no seed/);
    await expect(visit({ login: { creds: "nothing" } })).rejects.toThrow(/the credentials file has no JWT/);
  });

  it("has TLS with an authority of its own and a client's certificate, for an address of numbers too", async (context) => {
    const [own, client] = [await makeCertificate(folder), await makeCertificate(folder, "client")];
    if (own === undefined || client === undefined) return context.skip("openssl is not installed");
    await using server = await startConfiguredNats(
      `tls { cert_file: "${own.cert}", key_file: "${own.key}", ca_file: "${client.cert}", verify: true }`,
    );
    const ca = { file: own.cert };
    const login = { ca, cert: { file: client.cert }, key: { file: client.key } };
    expect(await visit({ url: `tls://${server.host}`, login })).toBe("passed");
    expect(await visit({ url: `nats://${server.host.replace("127.0.0.1", "localhost")}`, login })).toBe(
      "passed",
    );
    expect(await refused({ url: `tls://${server.host}` })).toMatchObject({ code: "NATS_TLS_FAILED" });
    expect(await refused({ url: `tls://${server.host}`, login: { ca } })).toMatchObject({
      code: "NATS_TLS_FAILED",
    });
  });

  it("does not go to a server without TLS where the address asks for it", async () => {
    await using server = await startConfiguredNats("");
    expect(await refused({ url: `tls://${server.host}` })).toMatchObject({ code: "NATS_TLS_FAILED" });
  });
});
