import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { serverCertificate } from "./certificates.ts";

const DAY_MS = 24 * 3_600_000;
const names = ["localhost", "127.0.0.1"];
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "narun-test-certificates-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

test("a server's certificate has its names, and its authority vouches for it", async () => {
  const { cert, ca } = await serverCertificate({ folder, names });
  const [server, authority] = [new X509Certificate(cert), new X509Certificate(ca)];
  expect(server.verify(authority.publicKey)).toBe(true);
  expect(server.checkHost("localhost")).toBe("localhost");
  expect(server.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect([server.ca, authority.ca]).toEqual([false, true]);
});

test("it is kept, and made anew before it ends or where it lacks a name; its authority stays", async () => {
  const now = Date.now();
  const first = await serverCertificate({ folder, names, now });
  const again = await serverCertificate({ folder, names, now: now + 50 * DAY_MS });
  expect(again.fingerprint).toBe(first.fingerprint);
  const renewed = await serverCertificate({ folder, names, now: now + 70 * DAY_MS });
  expect(renewed.fingerprint).not.toBe(first.fingerprint);
  expect(renewed.expiresAtMs).toBeGreaterThan(first.expiresAtMs);
  const named = await serverCertificate({ folder, names: [...names, "::1"], now: now + 70 * DAY_MS });
  expect(named.fingerprint).not.toBe(renewed.fingerprint);
  expect(new Set([first.ca, renewed.ca, named.ca]).size).toBe(1);
});

test("keys are in files of their user alone, and clients find the authority in a file", async () => {
  const { ca } = await serverCertificate({ folder, names });
  for (const file of ["authority.json", "server.json"])
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(folder, "authority.pem"), "utf8")).toBe(ca);
});
