import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { promisify } from "node:util";
import { describe, expect, inject, it } from "vitest";
import { eventually } from "../../test/harness/eventually.ts";
import { startTestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";

const run = promisify(execFile);

/** A certificate of its own for `localhost`, trusted by this process; undefined where there is no `openssl` to make it. */
async function certify(folder: string): Promise<{ cert: string; key: string } | undefined> {
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const made = run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-keyout", key, "-out", cert, ...subject],
  ]);
  const isMade = await made.then(
    () => true,
    () => false,
  );
  if (!isMade) return undefined;
  setDefaultCACertificates([...getCACertificates("default"), await readFile(cert, "utf8")]);
  return { cert, key };
}

/** Sends frames and messages to itself, and says what came. */
async function exchange(nats: Nats): Promise<{ frames: string; messages: string[] }> {
  const parts: Buffer[] = [];
  const messages: string[] = [];
  nats.subscribe("own.*", (message) => void messages.push(message.text()));
  nats.takeData("own.stream", {
    beginData: () => true,
    data: (bytes) => void parts.push(Buffer.from(bytes)),
  });
  nats.publish("own.message", "before");
  await nats.flush();
  for (let seq = 0; seq < 20; seq++) nats.sendData("own.stream", seq, Buffer.alloc(50_000, String(seq % 10)));
  nats.publish("own.message", "after");
  await nats.flush();
  await eventually(() => expect(messages).toHaveLength(2));
  return { frames: Buffer.concat(parts).toString(), messages };
}

const expected = {
  frames: Array.from({ length: 20 }, (_, seq) => String(seq % 10).repeat(50_000)).join(""),
  messages: ["before", "after"],
};

describe("a connection", () => {
  it("takes data frames out of what it reads, before and after a reconnect", async () => {
    await using server = await startTestNats();
    const nats = await connectNats({ url: server.url, name: "transport test" });
    expect((await exchange(nats)).frames === expected.frames).toBe(true);
    const isBack = new Promise<void>((resolve) => {
      let wasAway = false;
      nats.onState((state) => {
        if (state === "reconnecting") wasAway = true;
        if (state === "connected" && wasAway) resolve();
      });
    });
    await server.kill9();
    await isBack;
    nats.takeData("own.stream", { beginData: () => false, data: () => undefined })();
    const parts: number[] = [];
    nats.takeData("own.stream", {
      beginData: () => true,
      data: (bytes) => void parts.push(bytes.byteLength),
    });
    nats.sendData("own.stream", 0, Buffer.alloc(70_000));
    await nats.flush();
    expect(parts.reduce((sum, size) => sum + size, 0)).toBe(70_000);
    await nats.close();
  });

  it("does so with TLS, which begins after the server's first words", async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "narun-test-tls-"));
    const files = await certify(folder);
    if (files === undefined) context.skip("openssl is not installed: there is no certificate to test with");
    const config = join(folder, "server.conf");
    const tls = `tls { cert_file: "${files?.cert}", key_file: "${files?.key}" }`;
    await writeFile(config, `host: 127.0.0.1\nport: -1\nports_file_dir: "${folder}"\n${tls}\n`);
    const server = spawn(inject("natsServer"), ["-c", config], { stdio: "ignore" });
    try {
      const url = await eventually(async () => {
        const ports = (await readdir(folder)).find((name) => name.endsWith(".ports")) ?? "";
        return JSON.parse(await readFile(join(folder, ports), "utf8")).nats[0] as string;
      });
      const nats = await connectNats({ url: url.replace("127.0.0.1", "localhost"), name: "tls test" });
      const { frames, messages } = await exchange(nats);
      expect([frames === expected.frames, messages]).toEqual([true, expected.messages]);
      await nats.close();
    } finally {
      server.kill("SIGKILL");
    }
    await rm(folder, { recursive: true, force: true });
  });
});
