import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import { eventually } from "./eventually.ts";

const run = promisify(execFile);

/** A real nats-server with a configuration of its own. */
export interface ConfiguredNats extends AsyncDisposable {
  /** The server's address without a login. */
  readonly host: string;
  /** Gives the server another configuration, which it takes without a restart. */
  reload(config: string): Promise<void>;
}

/** Starts a server on a free port, with JetStream. `config` is added to its configuration file. */
export async function startConfiguredNats(config: string): Promise<ConfiguredNats> {
  const folder = await mkdtemp(join(tmpdir(), "narun-test-nats-"));
  const file = join(folder, "server.conf");
  const write = (more: string, port: number) =>
    writeFile(
      file,
      `host: 127.0.0.1\nport: ${port}\nports_file_dir: "${folder}"\njetstream { store_dir: "${folder}" }\n${more}\n`,
    );
  await write(config, -1);
  const server = spawn(inject("natsServer"), ["-c", file], { stdio: "ignore" });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const port = await eventually(async () => {
    const ports = (await readdir(folder)).find((name) => name.endsWith(".ports")) ?? "";
    const { nats } = JSON.parse(await readFile(join(folder, ports), "utf8"));
    return Number(new URL(nats[0]).port);
  });
  return {
    host: `127.0.0.1:${port}`,
    async reload(more) {
      await write(more, port);
      server.kill("SIGHUP");
    },
    async [Symbol.asyncDispose]() {
      server.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Certificate {
  cert: string;
  key: string;
}

/** A self-signed certificate for `localhost` and 127.0.0.1. Undefined without `openssl` to make it. */
export async function makeCertificate(folder: string, name = "server"): Promise<Certificate | undefined> {
  const [cert, key] = [join(folder, `${name}-cert.pem`), join(folder, `${name}-key.pem`)];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-keyout", key, "-out", cert, ...subject],
  ]);
  return made.then(
    () => ({ cert, key }),
    () => undefined,
  );
}
