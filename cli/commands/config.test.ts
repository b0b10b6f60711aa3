import { expect, test } from "vitest";
import { z } from "zod";
import { type NarunOptions, narun } from "../testing/narun.ts";
import { createWorkFolder } from "../testing/work-folder.ts";

const RowsSchema = z.array(
  z.strictObject({
    option: z.string(),
    value: z.string().nullable(),
    from: z.enum(["flag", "variable", "file", "default"]),
    source: z.string().nullable(),
  }),
);

async function configOf(args: string[], options: NarunOptions = {}) {
  const { code, stdout, stderr } = await narun(["config", ...args, "--json"], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const rows = RowsSchema.parse(JSON.parse(stdout));
  return new Map(rows.map(({ option, ...row }) => [option, row]));
}

test("each setting has its source: flag, variable, file or default", async () => {
  await using folder = await createWorkFolder({ "config.yaml": 'server_addr: ":80"\nmetrics_addr: ":81"\n' });
  const config = await configOf(["gateway", "--config", "config.yaml", "--metrics", "127.0.0.1:82"], {
    cwd: folder.dir,
    env: { NARUN_LOG_LEVEL: "warn" },
  });
  expect(config.get("--http")).toEqual({
    value: "0.0.0.0:80",
    from: "file",
    source: "config.yaml (for --http)",
  });
  expect(config.get("--metrics")).toEqual({ value: "127.0.0.1:82", from: "flag", source: "--metrics" });
  expect(config.get("--log-level")).toEqual({ value: "warn", from: "variable", source: "NARUN_LOG_LEVEL" });
  expect(config.get("--lame-duck")).toEqual({ value: "5s", from: "default", source: null });
  expect(config.get("--trusted-proxies")).toEqual({ value: null, from: "default", source: null });
  expect(config.get("--quiet")?.value).toBe("no");
});

test("flags before the command and behind it are the command line's", async () => {
  const config = await configOf(["--nats", "nats://a", "logs", "hello", "-f", "--user", "ann"]);
  expect(config.get("--nats")).toEqual({ value: "nats://a", from: "flag", source: "--nats" });
  expect(config.get("--user")?.value).toBe("ann");
  expect(config.get("--follow")?.value).toBe("yes");
});

test("without a command it has every option with a variable, once", async () => {
  const config = await configOf([], { env: { NARUN_CEILING: "cpuMs=5, memoryMb=64" } });
  expect(config.get("--ceiling")).toEqual({
    value: "cpuMs=5,memoryMb=64",
    from: "variable",
    source: "NARUN_CEILING",
  });
  expect(config.get("--log-level")?.value).toBeNull();
  expect(config.has("--http")).toBe(false);
  const { stdout } = await narun(["config"]);
  expect(stdout).toMatch(/^OPTION +VALUE +FROM$/m);
  expect(stdout).toMatch(/^--log-level +warn or info +default$/m);
});

test("secrets are hidden", async () => {
  const env = {
    NATS_URL: "nats://ann:s3cret@127.0.0.1:1,tls://t0ken@127.0.0.1:2",
    NATS_USER: "s3cret-user",
    NATS_PASSWORD: "s3cret-word",
    NATS_TOKEN: "t0ken",
    NATS_NKEY: `S${"A".repeat(57)}`,
    NATS_CREDS: "/etc/narun/node.creds",
    NARUN_MASTER_KEY: "s3cret-key",
  };
  const config = await configOf(["node"], { env });
  expect(JSON.stringify([...config])).not.toMatch(/s3cret|t0ken|SAAA/);
  expect(config.get("--nats")?.value).toBe("nats://***@127.0.0.1:1,tls://***@127.0.0.1:2");
  expect(config.get("--secrets-key")).toEqual({
    value: "(hidden)",
    from: "variable",
    source: "NARUN_MASTER_KEY",
  });
  expect(config.get("--creds")?.value).toBe("/etc/narun/node.creds");
});

test.each([
  [["config", "gatewy"], "did you mean gateway?"],
  [["config", "up", "--htp", "x"], "did you mean --http?"],
  [
    ["config", "up", "--http", "8080", "--nats-port", "x"],
    '--http takes HOST:PORT, not "8080"; --nats-port takes a number up to 65535, not "x"',
  ],
])("%j is a wrong use", async (args, message) => {
  const { code, stdout, stderr } = await narun(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test("an unknown variable of narun's prefix is named on standard error", async () => {
  const options = { env: { NARUN_LOGLEVEL: "debug" } };
  const { code, stderr } = await narun(["config", "node"], options);
  expect(code).toBe(0);
  expect(stderr).toBe("narun reads no variable NARUN_LOGLEVEL. Did you mean NARUN_LOG_LEVEL?\n");
  expect(await narun(["config", "node", "--quiet"], options)).toMatchObject({ stderr: "" });
});
