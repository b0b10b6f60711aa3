/** Key files and the directory: refusals and their codes. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";
import { stores } from "../contracts/index.ts";
import { connectNats, openKeyTexts } from "../nats/index.ts";
import { startTestNats } from "../test/harness/nats.ts";
import { readDirectory, signDirectory } from "./directory.ts";
import {
  askedKeys,
  createNodeKeys,
  dismissKey,
  enrolKey,
  grantLabel,
  initKeys,
  type KeyPlace,
  newKey,
  readKeys,
  renewKeys,
  restoreKeys,
  rotateLabel,
} from "./index.ts";
import { readKeyFile } from "./key-file.ts";

const server = await startTestNats();
const nats = await connectNats({ url: server.url, name: "test" });
const folders: string[] = [];
afterAll(async () => {
  await nats.close();
  await server.close();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
});

let place: KeyPlace;
beforeEach(async () => {
  await nats.request(`$JS.API.STREAM.DELETE.KV_${stores.keys.bucket}`, "", { timeoutMs: 5_000 });
  place = await newPlace();
});

async function newPlace(passphrase?: string): Promise<KeyPlace> {
  const path = await mkdtemp(join(tmpdir(), "narun-test-keys-"));
  folders.push(path);
  return { nats, folder: { path, passphrase } };
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error: { code?: string }) => error.code ?? String(error),
  );

const init = (at = place) => initKeys(at, { node: "n1", validMs: undefined });
const grant = (recipient = "service:shop") => grantLabel(place, { label: "payments", recipient });

/** Writes to the bucket as anybody can. */
async function overwrite(text: string): Promise<void> {
  await (await openKeyTexts(nats)).put("directory", text);
}

it("makes a network once, in files of their owner alone", async () => {
  const { network, node } = await init();
  expect(await codeOf(init(await newPlace()))).toBe("DIRECTORY_CHANGED");
  expect((await readdir(place.folder.path)).sort()).toEqual([
    ".gitignore",
    "node.json",
    "root.json",
    "seen.jws",
  ]);
  for (const file of ["node.json", "root.json"])
    expect((await stat(join(place.folder.path, file))).mode & 0o777).toBe(0o600);
  const { directory } = await readKeys(place);
  expect(directory).toMatchObject({ network, version: 1 });
  expect(directory.identities["node:n1"]?.kid).toBe(node.fingerprint);
  await chmod(join(place.folder.path, "root.json"), 0o644);
  expect(await codeOf(grant())).toBe("KEY_FILE_UNREADABLE");
});

it("keeps key files under a passphrase", async () => {
  place = await newPlace("correct horse");
  await init();
  expect(await readFile(join(place.folder.path, "root.json"), "utf8")).toMatch(/^eyJ/);
  expect((await grant()).version).toBe(2);
  for (const passphrase of [undefined, "wrong"])
    expect(await codeOf(readKeys({ nats, folder: { ...place.folder, passphrase } }))).toBe(
      "KEY_FILE_UNREADABLE",
    );
});

it("refuses a directory that is forged, foreign, or older than one that was seen", async () => {
  await init();
  const { text: first } = await readKeys(place);
  await grant();
  const { text: second } = await readKeys(place);
  await overwrite(first);
  expect(await codeOf(readKeys(place))).toBe("DIRECTORY_ROLLED_BACK");
  expect(await codeOf(rotateLabel(place, "payments"))).toBe("DIRECTORY_ROLLED_BACK");
  const [head = "", body = "", signature = ""] = second.split(".");
  const changed = JSON.parse(Buffer.from(body, "base64url").toString());
  changed.labels.payments.recipients.push("user:eve");
  const forged = [head, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
  for (const text of [forged, "no directory", ""]) {
    await overwrite(text);
    expect(await codeOf(readKeys(place))).toBe("DIRECTORY_FORGED");
  }
  // The root's own key signs another directory of a version that was seen, and one that names another network.
  const root = await readKeyFile(place.folder, "root.json");
  if (root?.signing === undefined) throw new Error("no root");
  const { directory } = await readDirectory(second, root.network);
  await overwrite((await signDirectory(root.signing, { ...directory, signedAt: 1 })).text);
  expect(await codeOf(readKeys(place))).toBe("DIRECTORY_ROLLED_BACK");
  const renamedTo = directory.network.split("").reverse().join("");
  const renamed = { ...directory, version: 9, network: renamedTo };
  await overwrite((await signDirectory(root.signing, renamed)).text);
  expect(await codeOf(readKeys(place))).toBe("DIRECTORY_FORGED");
  // Another network's root signs as well as ours.
  await nats.request(`$JS.API.STREAM.DELETE.KV_${stores.keys.bucket}`, "", { timeoutMs: 5_000 });
  const others = await newPlace();
  await init(others);
  expect(await codeOf(readKeys(place))).toBe("DIRECTORY_FOREIGN");
  await restoreKeys(place);
  expect((await readKeys(place)).text).toBe(second);
});

it("goes on with the directory that it has where another one is refused, also after a restart", async () => {
  await init();
  const { text: first } = await readKeys(place);
  await grant();
  const refused: string[] = [];
  const open = () =>
    createNodeKeys({ nats, folder: place.folder, onRefused: ({ code }) => refused.push(code) });
  const keys = open();
  const { kid } = await keys.current("shop", "payments");
  await overwrite(first);
  expect((await keys.current("shop", "payments")).kid).toBe(kid);
  expect(await codeOf(keys.current("other", "payments"))).toBe("LABEL_NOT_GRANTED");
  keys.close();
  const again = open();
  expect((await again.byId("shop", kid)).kid).toBe(kid);
  again.close();
  expect(refused).toContain("DIRECTORY_ROLLED_BACK");
});

it("enrols a key by its fingerprint only", async () => {
  const { network } = await init();
  await grant();
  const away = await newPlace();
  expect(await codeOf(newKey(away, { identity: "node:n2", network: undefined }))).toBe("KEYS_MISSING");
  const { fingerprint } = await newKey(away, { identity: "node:n2", network });
  expect(await codeOf(newKey(away, { identity: "node:n2", network }))).toBe("KEY_FILE_EXISTS");
  const keys = createNodeKeys({ nats, folder: away.folder, onRefused: () => undefined });
  expect(await codeOf(keys.current("shop", "payments"))).toBe("SEAL_KEY_UNKNOWN");
  // Eve asks in the same name, and claims the fingerprint for her key.
  const eve = await newPlace();
  const { fingerprint: hers } = await newKey(eve, { identity: "node:n2", network });
  expect(await codeOf(enrolKey(place, { identity: "node:n2", fingerprint: "x" }))).toBe("FINGERPRINT_WRONG");
  const bucket = await openKeyTexts(nats);
  const asked = (await askedKeys({ nats })).find(({ kid }) => kid === hers);
  await bucket.put(`ask.${fingerprint}`, JSON.stringify({ ...asked, kid: fingerprint }));
  expect(await codeOf(enrolKey(place, { identity: "node:n2", fingerprint }))).toBe("FINGERPRINT_WRONG");
  const own = JSON.parse(await readFile(join(away.folder.path, "node.json"), "utf8")).sealing;
  const key = { kty: "OKP", crv: "X25519", x: own.x };
  await bucket.put(`ask.${fingerprint}`, JSON.stringify({ ...asked, kid: fingerprint, key }));
  await enrolKey(place, { identity: "node:n2", fingerprint });
  const { kid } = await keys.current("shop", "payments");
  expect((await readKeys(place)).directory.labels.payments?.current).toBe(kid);
  await dismissKey(place, "node:n2");
  expect((await readKeys(place)).directory.labels.payments?.current).not.toBe(kid);
  keys.close();
});

it("names what lacks", async () => {
  expect(await codeOf(readKeys(place))).toBe("KEYS_MISSING");
  const none = createNodeKeys({ nats, folder: undefined, onRefused: () => undefined });
  expect(await codeOf(none.current("shop", "payments"))).toBe("KEYS_MISSING");
  await init();
  expect(await codeOf(grant("user:ann"))).toBe("RECIPIENT_WITHOUT_KEY");
  expect(await codeOf(rotateLabel(place, "paymentz"))).toBe("LABEL_UNKNOWN");
  expect(await codeOf(dismissKey(place, "node:n9"))).toBe("IDENTITY_UNKNOWN");
  await nats.request(`$JS.API.STREAM.DELETE.KV_${stores.keys.bucket}`, "", { timeoutMs: 5_000 });
  expect(await codeOf(readKeys(place))).toBe("DIRECTORY_MISSING");
  await writeFile(join(place.folder.path, "seen.jws"), "damaged\n");
  expect(await codeOf(restoreKeys(place))).toBe("DIRECTORY_FORGED");
});

it("is signed anew for a time", async () => {
  await init();
  expect((await renewKeys(place, 60_000)).validMs).toBe(60_000);
  expect((await renewKeys(place, undefined)).validMs).toBeUndefined();
});
