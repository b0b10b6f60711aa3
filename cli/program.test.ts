import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { commandNames } from "./commands.ts";
import { narun } from "./testing/narun.ts";
import { answering, createWorkFolder } from "./testing/work-folder.ts";

describe("help", () => {
  test("lists every command in few words", async () => {
    const { code, stdout, stderr } = await narun(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const command of commandNames) expect(stdout).toMatch(new RegExp(`^ {2}${command} .*\\w`, "m"));
    expect(stdout).toContain("$ narun init hello");
  });

  test.each(commandNames)("%s explains itself with examples and its options", async (command) => {
    const { code, stdout, stderr } = await narun([command, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`Usage: narun ${command}`);
    expect(stdout).toMatch(new RegExp(`Examples:\n( {2}\\$ .*narun ${command}.*\n( {6}\\w.*\n)?)+$`));
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).not.toMatch(/default: \[/);
    for (const option of ["--nats <url>", "--creds <file>", "--json", "--quiet", "--help"]) {
      expect(stdout).toContain(option);
    }
  });

  test("`narun help ls` is `narun ls --help`", async () => {
    expect(await narun(["help", "ls"])).toEqual(await narun(["ls", "--help"]));
  });

  test("is shown where no command is named, which is no success", async () => {
    const { code, stdout, stderr } = await narun([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage: narun");
  });

  test("--version prints the package's version", async () => {
    expect(await narun(["--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe("what is not used like this is told in one line, with the nearest that is, and exits 2", () => {
  test.each([
    [["lss"], "unknown command 'lss'; did you mean ls?"],
    [["revision", "x"], "did you mean revisions?"],
    [["ls", "--jsn"], "unknown option '--jsn'; did you mean --json?"],
    [["logs", "--sinc", "1h"], "did you mean --since?"],
    [["ls", "extra"], "too many arguments"],
    [["invoke"], "name a function, or a method with --grpc"],
    // An action that has the name of a command.
    [["mcp", "rm"], "narun mcp rm needs the name of a key. See `narun mcp --help`"],
    [["keys", "init", "--valid", "-1"], "See `narun keys --help`"],
    [["mcp", "add", "k", "--allow", "*", "--expires", "0s"], "--expires takes a duration of at least 1s"],
    [["token", "create", "--ttl", "1ms"], "--ttl takes a duration of at least 1s"],
    [["gateway", "--grpc-cert", "package.json", "--grpc-key", "package.json"], "no certificate with its key"],
    [["rollback"], "missing required argument 'name'"],
    [["logs", "--since", "10x"], "--since takes a duration like 30s, 10m or 2h"],
    [["up", "--http", "8080"], "--http takes HOST:PORT"],
    [["up", "--grpc", "x"], "--grpc takes HOST:PORT"],
    [["up", "--nats-port", "70000"], "--nats-port takes a number up to 65535"],
    [["dev", "--log-level", "inof"], 'did you mean "info"?'],
    [["gateway", "--metrics", "localhost"], "--metrics takes HOST:PORT"],
    [["gateway", "--lame-duck", "5"], "--lame-duck takes a duration like 30s"],
    [["gateway", "--trusted-proxies", "proxy"], "--trusted-proxies takes addresses and networks"],
    [["node", "--name", "a b"], "--name takes"],
    [["node", "--label", "zone"], "--label takes KEY=VALUE"],
    [["invoke", "x", "--method", "a b"], "--method takes a word"],
    [["invoke", "x", "-H", "Accept"], "--header takes 'NAME: VALUE'"],
    [["invoke", "x", "-H", "a b: c"], "--header takes 'NAME: VALUE'"],
    [["invoke", "x", "-H", "Narun-Deadline: 1"], "one of narun's or NATS' own names"],
    [["ls", "--creds", "/nowhere/x.creds"], "the credentials file cannot be read"],
  ])("%j", async (args, said) => {
    const { code, stdout, stderr } = await narun(args, { env: { NARUN_NATS_URL: "nats://127.0.0.1:1" } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^narun: [^\n]+ See `narun( \w+)? --help`\.\n$/);
    expect(stderr).toContain(said);
  });

  test("is JSON for those who asked for it", async () => {
    const { code, stderr } = await narun(["lss", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: "USAGE",
        message: expect.stringContaining("did you mean ls?"),
        solve: expect.any(String),
      },
    });
  });
});

describe("where NATS does not answer", () => {
  const commands = [
    ["ls"],
    ["ps"],
    ["nodes"],
    ["logs"],
    ["logs", "-f"],
    ["revisions", "x"],
    ["rollback", "x"],
    ["rm", "x"],
    ["invoke", "x"],
    ["push", "functions/examples/hello"],
    ["deploy", "--name", "x", "--tag", "v1", process.execPath],
    ["gateway", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
    ["node"],
  ].map((args) => ({ args }));

  test.each(commands)("$args says so in one line and exits 1", async ({ args }) => {
    const { code, stdout, stderr } = await narun([...args, "--nats", "nats://127.0.0.1:1"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^narun: NATS does not answer: nats:\/\/127\.0\.0\.1:1: connection refused\. [^\n]+\n$/,
    );
  });

  test("up and dev with a server of one's own, too", async () => {
    await using folder = await createWorkFolder({ "hello/index.ts": answering("hi") });
    for (const args of [["up"], ["dev", "hello"]]) {
      const { code, stderr } = await narun([...args, "--nats", "nats://127.0.0.1:1"], { cwd: folder.dir });
      expect({ code, lines: stderr.split("\n").length }).toEqual({ code: 1, lines: 2 });
    }
  });

  test("a server that takes connections and says nothing is given up", async () => {
    const server = createServer(() => undefined);
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      }),
    );
    try {
      const { code, stderr } = await narun(["ls", "--nats", `nats://127.0.0.1:${port}`]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^narun: NATS does not answer: [^\n]+: timeout\. [^\n]+\n$/);
    } finally {
      server.close();
    }
  });

  test("doctor says what is missing, and how to get it", async () => {
    const { code, stdout, stderr } = await narun(["doctor", "--nats", "nats://127.0.0.1:1"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/^Node 24 or newer +yes +\d/m);
    expect(stdout).toMatch(/^isolates \(isolated-vm\) +yes/m);
    expect(stdout).toMatch(/^nats-server 2\.14 or newer +yes +2\.\d+\.\d+ at /m);
    expect(stdout).toMatch(
      /^NATS answers +no +.*connection refused\n\nNATS answers: Start it \(`narun up` starts one\)/m,
    );
  });

  test("doctor tells of a NARUN_NATS_SERVER that is none", async () => {
    const { code, stdout } = await narun(["doctor", "--json", "--nats", "nats://127.0.0.1:1"], {
      env: { NARUN_NATS_SERVER: "/nowhere/nats-server" },
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toContainEqual({
      check: "nats-server 2.14 or newer",
      ok: false,
      found: expect.stringContaining("/nowhere/nats-server"),
      fix: expect.stringContaining("NARUN_NATS_SERVER"),
    });
  });
});
