/** The files of a network after a disk that was full, a copy that broke off, or a hand that slipped. */
import { X509Certificate } from "node:crypto";
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createWorkFolder } from "../testing/work-folder.ts";
import { hasNetwork } from "./network-facts.ts";
import { openNetwork } from "./network-folder.ts";

type Harm = (file: string) => void;
const HARMS: readonly [string, Harm][] = [
  ["is empty", (file) => truncateSync(file, 0)],
  ["is cut off", (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ["is gone", (file) => rmSync(file)],
];

async function startNetwork() {
  const folder = await createWorkFolder();
  const open = () => openNetwork(folder.dir, ["127.0.0.1"]);
  const network = await open();
  network.noteAddress("tls://127.0.0.1:4222");
  return { folder, open, network, at: (file: string) => folder.path(`network/${file}`) };
}

describe.each(["network.json", "authority.json"])("%s", (file) => {
  it.each(HARMS)(
    "that %s is told, with nothing of its keys, and no other network is made",
    async (_, harm) => {
      const { folder, open, at } = await startNetwork();
      await using _folder = folder;
      const text = readFileSync(at(file), "utf8");
      harm(at(file));
      const error = (await open().catch((failure: unknown) => failure)) as Error;
      expect(error).toMatchObject({ code: "NETWORK_DAMAGED", message: expect.stringContaining(at(file)) });
      for (const secret of text.match(/S[A-Z2-7]{57}|[\w+/]{40,}/g) ?? [])
        expect(error.message).not.toContain(secret);
      expect(hasNetwork(folder.dir)).toBe(true);
    },
  );

  it("that has wrong values is told, without them", async () => {
    const { folder, open, at } = await startNetwork();
    await using _folder = folder;
    writeFileSync(at(file), readFileSync(at(file), "utf8").replace(/"S[A-Z2-7]{57}"|"cert":"-/, '"SNOSEED7'));
    await expect(open()).rejects.toMatchObject({
      code: "NETWORK_DAMAGED",
      message: expect.not.stringContaining("SNOSEED7"),
    });
  });
});

describe.each(["ca.pem", "server-cert.pem", "server-key.pem", "logins/cli.creds", "logins/hosts.json"])(
  "%s",
  (file) => {
    it.each(HARMS)("that %s is made anew", async (_, harm) => {
      const { folder, open, network, at } = await startNetwork();
      await using _folder = folder;
      harm(at(file));
      const again = await open();
      expect(again.facts).toEqual(network.facts);
      expect(readFileSync(at("ca.pem"), "utf8")).toBe(network.facts.authority.cert);
      const cert = new X509Certificate(readFileSync(at("server-cert.pem")));
      const { createPrivateKey } = await import("node:crypto");
      expect(cert.checkPrivateKey(createPrivateKey(readFileSync(at("server-key.pem"))))).toBe(true);
      expect(cert.verify(new X509Certificate(network.facts.authority.cert).publicKey)).toBe(true);
      expect(readFileSync(at("logins/cli.creds"), "utf8")).toMatch(
        /BEGIN NATS USER JWT[\s\S]*END USER NKEY SEED/,
      );
      expect(JSON.parse(readFileSync(at("logins/hosts.json"), "utf8"))).toHaveProperty("seed");
      expect(statSync(at(file)).mode & 0o077).toBe(0);
    });
  },
);
