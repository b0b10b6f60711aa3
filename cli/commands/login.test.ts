/** Commands, gateway, nodes and their hosts with a nats-server that requires a login. */
import { readFileSync } from "node:fs";
import { nkeys } from "@nats-io/transport-node";
import { describe, expect, test, vi } from "vitest";
import { makeCertificate, startConfiguredNats } from "../../test/harness/configured-nats.ts";
import { eventually } from "../../test/harness/eventually.ts";
import { startHeldServer } from "../../test/harness/held-server.ts";
import { FREE_PORTS, type Narun, type NarunOptions, narun, startNarun } from "../testing/narun.ts";
import { answering, createWorkFolder } from "../testing/work-folder.ts";

const PORTS = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
const LOUD = ["--log-level", "trace"];

/** How long a test may take. It starts gateway, node and hosts one after the other. */
const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: LIMIT_MS });
const start = (args: readonly string[], options: NarunOptions = {}) =>
  startNarun(args, { limitMs: LIMIT_MS, ...options });

const CALLED = "export default () => { console.log('one call'); return new Response('hi'); };\n";

/** The command lines of a command and its descendants, on Linux. */
function commandLines({ descendants, child }: Narun): string[] {
  if (process.platform !== "linux") return [];
  const pids = [child.pid, ...descendants().map(({ pid }) => pid)];
  return pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
}

test("user and password of the environment serve every command, and are shown nowhere", async () => {
  await using server = await startConfiguredNats('authorization { user: "ann", password: "s3cret-word" }');
  await using folder = await createWorkFolder({
    "hello/index.ts":
      "export default (_, env) => { console.log('called'); return new Response(env.WORD); };\n",
    "hello/narun.yaml": "bindings:\n  - { name: WORD, secret: word }\n",
    key: Buffer.alloc(32, 7).toString("base64"),
  });
  const env = {
    NATS_URL: server.host,
    NATS_USER: "ann",
    NATS_PASSWORD: "s3cret-word",
    NARUN_SECRETS_KEY: Buffer.alloc(32, 7).toString("base64"),
  };
  await using gateway = start(["gateway", "--json", ...LOUD, ...PORTS], { env });
  const { http } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
  await using node = start(["node", "--json", "--name", "n1", ...LOUD, "--cache-dir", folder.path("cache")], {
    env,
  });
  await node.shows(/^\{"node".*\}$/m);
  const said: string[] = [];
  const run = async (args: string[], options: NarunOptions = {}) => {
    const { code, stdout, stderr } = await narun(args, { ...options, env });
    said.push(stdout, stderr);
    expect({ code, stderr }, args.join(" ")).toMatchObject({ code: 0 });
    return stdout;
  };
  await run(["secret", "set", "word"], { input: "hi" });
  await run(["push", folder.path("hello")]);
  expect(await (await fetch(`${http}/hello`)).text()).toBe("hi");
  expect(await run(["invoke", "hello"])).toBe("hi");
  await eventually(async () => expect(await run(["logs", "hello"])).toContain("called"));
  for (const command of ["ls", "ps", "nodes", "doctor"]) await run([command, "--json"]);

  const lines = [...commandLines(gateway), ...commandLines(node)];
  expect(lines.length).toBeGreaterThanOrEqual(process.platform === "linux" ? 3 : 0);
  // The server has another password from now on. It disconnects its clients, and they log that.
  await server.reload('authorization { user: "ann", password: "another" }');
  await node.shows(/refused/);
  await gateway.shows(/refused/);
  const all = [...said, ...lines, gateway.stdout, gateway.stderr, node.stdout, node.stderr].join("\n");
  expect(all).not.toContain("s3cret-word");
});

test("a login that is refused is told as that, in text and in JSON, without the password", async () => {
  await using server = await startConfiguredNats('authorization { user: "ann", password: "right" }');
  const at = ["--nats", `nats://ann:wr0ng@${server.host}`];
  const { code, stderr } = await narun(["ls", ...at]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^narun: NATS refused the login: .*the login was user "ann".* Give the login/);
  const json = await narun(["ls", "--json", ...at]);
  expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: "NATS_LOGIN_REFUSED" } });
  const doctor = await narun(["doctor", ...at]);
  expect(doctor.stdout).toContain("NATS refused the login");
  const up = await narun(["up", ...FREE_PORTS, ...at, "--json"]);
  expect(JSON.parse(up.stderr.trim().split("\n").at(-1) ?? "")).toMatchObject({
    error: { code: "NATS_LOGIN_REFUSED" },
  });
  const all = [stderr, json.stdout, json.stderr, doctor.stdout, doctor.stderr, up.stdout, up.stderr].join();
  expect(all).not.toContain("wr0ng");
});

test("narun up hands the address's login on to its node, not by the command line", async () => {
  await using server = await startConfiguredNats('authorization { user: "ann", password: "s3cret-word" }');
  await using folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
  await using up = start(
    ["up", folder.path("hello"), "--json", ...LOUD, ...FREE_PORTS, "--data-dir", folder.path("data")],
    // The login in the address is not mixed with a login for another server in the environment.
    { env: { NARUN_NATS_URL: `nats://ann:s3cret-word@${server.host}`, NATS_TOKEN: "another" } },
  );
  const { http } = JSON.parse((await up.shows(/^\{"http.*\}$/m))[0]);
  await eventually(async () => expect(await (await fetch(`${http}/hello`)).text()).toBe("hi"));
  expect([...commandLines(up), up.stdout, up.stderr].join("\n")).not.toContain("s3cret-word");
});

test("TLS with certificates of their own reaches gateway, node and host", async (context) => {
  await using folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
  const [own, client] = [await makeCertificate(folder.dir), await makeCertificate(folder.dir, "client")];
  if (own === undefined || client === undefined) return context.skip("openssl is not installed");
  await using server = await startConfiguredNats(
    `tls { cert_file: "${own.cert}", key_file: "${own.key}", ca_file: "${client.cert}", verify: true }`,
  );
  const env = { NATS_URL: `tls://${server.host}`, NATS_CA: own.cert, NATS_CERT: client.cert };
  await using up = start(
    [
      "up",
      folder.path("hello"),
      ...["--tls-key", client.key, "--json", ...LOUD, ...FREE_PORTS, "--data-dir", folder.path("data")],
    ],
    { env },
  );
  const { http } = JSON.parse((await up.shows(/^\{"http.*\}$/m))[0]);
  await eventually(async () => expect(await (await fetch(`${http}/hello`)).text()).toBe("hi"));
  const without = await narun(["ls", "--json"], { env: { ...env, NATS_CA: "" } });
  expect(JSON.parse(without.stderr)).toMatchObject({ error: { code: "NATS_TLS_FAILED" } });
});

test("a password that is renewed in its file reaches gateway, node and host without a restart", async () => {
  const config = (password: string) => `authorization { user: "ann", password: "${password}" }`;
  await using server = await startConfiguredNats(config("first"));
  await using folder = await createWorkFolder({ "hello/index.ts": CALLED, password: "first\n" });
  const at = ["--nats", server.host, "--user", "ann", "--password-file", folder.path("password")];
  await using gateway = start(["gateway", "--json", ...LOUD, ...PORTS, ...at]);
  const { http } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
  await using node = start(["node", "--name", "n1", ...LOUD, "--cache-dir", folder.path("cache"), ...at]);
  expect(await narun(["push", folder.path("hello"), ...at])).toMatchObject({ code: 0 });
  expect(await (await fetch(`${http}/hello`)).text()).toBe("hi");
  await using following = start(["logs", "-f", ...at]);
  await following.shows(/one call/);

  await server.reload(config("second"));
  await following.shows(/NATS refused the login: .*the login was user "ann"/);
  // The node and its host, which is another process.
  await eventually(() => expect(node.stderr.match(/NATS_LOGIN_REFUSED/g)?.length).toBeGreaterThanOrEqual(2));
  await folder.write("password", "second\n");
  await eventually(async () => expect(await (await fetch(`${http}/hello`)).text()).toBe("hi"));
  expect(await narun(["invoke", "hello", ...at])).toMatchObject({ code: 0, stdout: "hi" });
  await following.shows(/one call.*one call/s);
});

test("token and nkey may be in files, options win over the environment", async () => {
  const user = nkeys.createUser();
  await using folder = await createWorkFolder({ token: "t0ken\n" });
  await folder.write("seed", new TextDecoder().decode(user.getSeed()));
  {
    await using server = await startConfiguredNats('authorization { token: "t0ken" }');
    const env = { NARUN_NATS_URL: server.host, NATS_TOKEN: "wrong" };
    expect(await narun(["ls", "--token-file", folder.path("token")], { env })).toMatchObject({ code: 0 });
    expect(await narun(["ls"], { env: { ...env, NARUN_NATS_TOKEN: "t0ken" } })).toMatchObject({ code: 0 });
    expect(await narun(["ls"], { env })).toMatchObject({ code: 1 });
  }
  await using server = await startConfiguredNats(
    `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`,
  );
  const env = { NARUN_NATS_URL: server.host };
  expect(await narun(["ls", "--nkey", folder.path("seed")], { env })).toMatchObject({ code: 0 });
  expect(await narun(["ls"], { env: { ...env, NATS_NKEY: folder.path("seed") } })).toMatchObject({ code: 0 });
});

test("the gateway logs in with the nkey that its config.yaml names, and a flag wins over it", async () => {
  const user = nkeys.createUser();
  const seed = new TextDecoder().decode(user.getSeed());
  await using server = await startConfiguredNats(
    `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`,
  );
  await using folder = await createWorkFolder({ seed: `${seed}\n` });
  const config = async (name: string) => {
    await folder.write(
      "config.yaml",
      `nats_url: nats://${server.host}\nnkey_seed_file: ${name}\nroutes: []\n`,
    );
    return ["gateway", "--json", "--config", folder.path("config.yaml"), ...PORTS];
  };
  {
    await using gateway = start(await config(folder.path("seed")));
    await gateway.shows(/"http":"http:/);
  }
  {
    await using gateway = start([...(await config("/nowhere")), "--nkey", folder.path("seed")]);
    await gateway.shows(/"http":"http:/);
  }
  const other = new TextDecoder().decode(nkeys.createUser().getSeed());
  await folder.write("other", other);
  const refused = await narun(await config(folder.path("other")));
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("NATS refused the login") });
  const missing = await narun(await config(folder.path("none")));
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).toContain(folder.path("none"));
});

test("an empty flag for a file leaves the login of the environment in force", async () => {
  await using server = await startConfiguredNats('authorization { user: "ann", password: "s3cret-word" }');
  const env = { NATS_URL: server.host, NATS_USER: "ann", NATS_PASSWORD: "s3cret-word" };
  const flags = ["--creds", "", "--nkey", "", "--token-file", "", "--password-file", "", "--tls-ca", ""];
  expect(await narun(["ls", ...flags], { env })).toMatchObject({ code: 0 });
});

test("a secret that is given in the place of its file is not shown", async () => {
  const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
  for (const option of ["--token-file", "--nkey", "--creds"]) {
    const { code, stderr } = await narun(["ls", option, option === "--token-file" ? "t0ken" : seed]);
    expect(code, option).not.toBe(0);
    expect(stderr).not.toContain(option === "--token-file" ? "'t0ken'" : seed);
  }
  // A variable often ends in a line end.
  for (const variable of ["NATS_NKEY", "NATS_CREDS"]) {
    const env = { [variable]: `${seed}\n` };
    const { stderr } = await narun(["ls", "--nats", "nats://127.0.0.1:1"], { env });
    const { stdout } = await narun(["config", "ls"], { env });
    expect(stderr + stdout).not.toContain(seed);
    expect(stdout).toContain("(hidden)");
  }
});

describe("a subject that NATS does not permit", () => {
  const users = (permissions: string) =>
    `authorization { users: [{ user: "all", password: "word" }, { user: "some", password: "word", permissions: { ${permissions} } }] }`;

  test.each([
    { args: ["ls"], permissions: 'subscribe: { deny: "_INBOX.>" }', subject: "_INBOX." },
    { args: ["ls"], permissions: 'publish: { deny: "$JS.API.STREAM.>" }', subject: "$JS.API.STREAM." },
    { args: ["nodes"], permissions: 'publish: { deny: "$JS.API.DIRECT.>" }', subject: "$JS.API.DIRECT." },
    { args: ["gateway", ...PORTS], permissions: 'subscribe: { deny: "_INBOX.>" }', subject: "_INBOX." },
    {
      args: ["gateway", ...PORTS],
      permissions: 'subscribe: { deny: "narun.invoke.*" }',
      subject: "narun.invoke.*",
    },
    {
      args: ["node", "--name", "n1"],
      permissions: 'subscribe: { deny: "narun.*.demand.>" }',
      subject: ".demand.n1",
    },
  ])("ends narun $args.0 at once ($subject)", async ({ args, permissions, subject }) => {
    await using server = await startConfiguredNats(users(permissions));
    const { code, stderr } = await narun([...args, "--nats", `some:word@${server.host}`]);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("narun: NATS does not permit a subject: this login may not "),
    });
    expect(stderr).toContain(subject);
  });

  test("is told to a request's caller, and named in the gateway's log", async () => {
    await using server = await startConfiguredNats(
      users('publish: { deny: ["narun.*.i.>", "narun.*.invoke.>"] }'),
    );
    await using folder = await createWorkFolder({ "f/index.ts": answering("hi") });
    const [all, some] = [`all:word@${server.host}`, `some:word@${server.host}`];
    await using gateway = start(["gateway", "--json", ...PORTS, "--nats", some]);
    const { http } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
    await using node = start([
      "node",
      "--json",
      "--name",
      "n1",
      "--cache-dir",
      folder.path("cache"),
      "--nats",
      all,
    ]);
    await node.shows(/^\{"node".*\}$/m);
    expect(await narun(["push", folder.path("f"), "--nats", all])).toMatchObject({ code: 0 });
    const response = await fetch(`${http}/f`, { method: "POST" });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({
      type: expect.stringContaining("NATS_PERMISSIONS_VIOLATION"),
    });
    await gateway.shows(/may not publish to \\"narun\.\w+\.i\./);
    expect(await narun(["invoke", "f", "--nats", some])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/may not publish to "narun\.\w+\.invoke\.f"/),
    });
  });

  test("costs no request, where the gateway may not ask for those under way", async () => {
    await using server = await startConfiguredNats(users('publish: { deny: "narun.*.s.>" }'));
    await using held = await startHeldServer();
    await using folder = await createWorkFolder({
      "f/index.ts": held.source,
      "f/narun.yaml": JSON.stringify(held.config),
    });
    const [all, some] = [`all:word@${server.host}`, `some:word@${server.host}`];
    // A gateway asks for the requests that it sent over NATS.
    const env = { NARUN_SHORT_PATH: "off" };
    await using gateway = start(["gateway", "--json", ...PORTS, "--nats", some], { env });
    const { http } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
    await using node = start([
      "node",
      ...["--json", "--name", "n1", "--cache-dir", folder.path("cache"), "--nats", all],
    ]);
    await node.shows(/^\{"node".*\}$/m);
    expect(await narun(["push", folder.path("f"), "--nats", all])).toMatchObject({ code: 0 });
    const answer = fetch(`${http}/f`);
    await gateway.shows(/may not publish to \\"narun\.\w+\.s\./);
    held.open();
    expect(await (await answer).text()).toBe("GET");
  });

  test("ends the wait for a function that sleeps, where no node may be asked", async () => {
    await using server = await startConfiguredNats(users('publish: { deny: "narun.*.demand.>" }'));
    await using folder = await createWorkFolder({ "f/index.ts": answering("hi") });
    const [all, some] = [`all:word@${server.host}`, `some:word@${server.host}`];
    await using gateway = start(["gateway", "--json", ...PORTS, "--nats", some]);
    const { http } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
    await using node = start([
      "node",
      ...["--json", "--name", "n1", "--cache-dir", folder.path("cache"), "--nats", all],
    ]);
    await node.shows(/^\{"node".*\}$/m);
    expect(await narun(["push", folder.path("f"), "--nats", all])).toMatchObject({ code: 0 });
    const response = await fetch(`${http}/f`);
    expect(await response.json()).toMatchObject({
      type: expect.stringContaining("NATS_PERMISSIONS_VIOLATION"),
    });
    await gateway.shows(/may not publish to \\"narun\.\w+\.demand\.n1/);
  });

  test("fails the start of an instance whose subject it is", async () => {
    await using server = await startConfiguredNats(users('subscribe: { deny: "narun.*.i.>" }'));
    await using folder = await createWorkFolder({ "f/index.ts": answering("hi") });
    const [all, some] = [`all:word@${server.host}`, `some:word@${server.host}`];
    await using gateway = start(["gateway", "--json", ...PORTS, "--nats", all]);
    const { http } = JSON.parse((await gateway.shows(/^\{"http.*\}$/m))[0]);
    await using node = start([
      "node",
      ...["--json", "--name", "n1", "--cache-dir", folder.path("cache"), "--nats", some],
    ]);
    await node.shows(/^\{"node".*\}$/m);
    expect(await narun(["push", folder.path("f"), "--nats", all])).toMatchObject({ code: 0 });
    const response = await fetch(`${http}/f`);
    expect(await response.json()).toMatchObject({ type: expect.stringContaining("FUNCTION_START_FAILED") });
    await node.shows(/may not subscribe to \\"narun\.\w+\.i\./);
  });
});
