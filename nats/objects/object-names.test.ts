/** Names of objects in the layout that NATS' own clients share, and entries of earlier versions of narun. */
import { createHash } from "node:crypto";
import { type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { type ObjectStore, Objm } from "@nats-io/obj";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestNats, type TestNats } from "../../test/harness/nats.ts";
import { connectNats, type Nats } from "../connection.ts";
import { type ByteObjects, openByteObjects } from "./byte-objects.ts";

let server: TestNats;
let nats: Nats;
let manager: JetStreamManager;
beforeAll(async () => {
  server = await startTestNats();
  nats = await connectNats({ url: server.url, name: "test" });
  manager = await jetstreamManager(nats.connection);
});
afterAll(async () => {
  await nats.close();
  await server.close();
});

let stores = 0;
/** A store as functions see it, and as the client library does, which encodes ISO-8859-1 as earlier versions did. */
async function newStore(): Promise<{ bucket: string; ours: ByteObjects; former: ObjectStore }> {
  const bucket = `names-${++stores}`;
  return {
    bucket,
    ours: openByteObjects(nats, bucket),
    former: await new Objm(jetstream(nats.connection)).create(bucket),
  };
}

async function* bodyOf(text: string) {
  yield Buffer.from(text);
}

async function textOf(store: ByteObjects, name: string): Promise<string | undefined> {
  const info = await store.info(name);
  const body = info && (await store.read(name, info.version));
  return body && String(Buffer.concat(await Array.fromAsync(body)));
}

async function namesOf(store: ByteObjects): Promise<string[]> {
  const { objects } = await store.list({ prefix: "", limit: 100, after: 0 });
  return objects.map(({ name }) => name).sort();
}

/** The subject under which clients in other languages look for a name. */
function subjectOf(bucket: string, name: string): string {
  return `$O.${bucket}.M.${Buffer.from(name).toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
}

/** An object of another client: a chunk, and the message that describes it. */
async function putByOther(bucket: string, name: string, text: string): Promise<void> {
  const id = Buffer.from(name + text).toString("hex");
  const digest = createHash("sha256").update(text).digest("base64url");
  const client = jetstream(nats.connection);
  await client.publish(`$O.${bucket}.C.${id}`, text);
  const facts = { name, bucket, nuid: id, size: Buffer.byteLength(text), chunks: 1 };
  const info = { ...facts, mtime: new Date().toISOString(), digest: `SHA-256=${digest}=` };
  await client.publish(subjectOf(bucket, name), JSON.stringify(info));
}

describe("an object's name", () => {
  const names = [
    "日本.png",
    "ключ.txt",
    "a – b.pdf",
    "“q”.txt",
    "e\u0301.txt",
    "naïve.txt",
    "ÿ",
    "🎉",
    "\u0000",
    "a.*.>",
  ];

  it.each(names)("%j is kept, read, listed and deleted", async (name) => {
    const { ours } = await newStore();
    await ours.put(name, bodyOf("one"));
    await ours.put(name, bodyOf("two"));
    expect(await textOf(ours, name)).toBe("two");
    expect(await namesOf(ours)).toEqual([name]);
    await ours.delete(name);
    expect(await ours.info(name)).toBeUndefined();
    expect(await namesOf(ours)).toEqual([]);
  });

  it.each(names)("%j lies where other clients look for it", async (name) => {
    const { bucket, ours } = await newStore();
    const { sha256, version } = await ours.put(name, bodyOf("text"), { metadata: { by: "us" } });
    const message = await manager.streams.getMessage(`OBJ_${bucket}`, {
      last_by_subj: subjectOf(bucket, name),
    });
    expect(message?.json()).toEqual({
      name,
      bucket,
      nuid: version,
      size: 4,
      chunks: 1,
      metadata: { by: "us" },
      options: { max_chunk_size: 128 * 1024 },
      mtime: expect.any(String),
      digest: `SHA-256=${Buffer.from(sha256, "hex").toString("base64url")}=`,
      deleted: false,
    });
  });

  it.each(names)("%j of another client is read, listed and replaced", async (name) => {
    const { bucket, ours } = await newStore();
    await putByOther(bucket, name, "theirs");
    expect(await textOf(ours, name)).toBe("theirs");
    expect(await namesOf(ours)).toEqual([name]);
    await ours.put(name, bodyOf("ours"));
    expect(await textOf(ours, name)).toBe("ours");
    expect(await namesOf(ours)).toEqual([name]);
    const { state } = await manager.streams.info(`OBJ_${bucket}`);
    expect(state.messages).toBe(2);
  });
});

describe("an object under its former subject", () => {
  const name = "naïve.txt";

  it("is read, listed once and replaced, and leaves nothing", async () => {
    const { bucket, ours, former } = await newStore();
    await former.putBlob({ name }, Buffer.from("before"));
    expect(await textOf(ours, name)).toBe("before");
    expect(await namesOf(ours)).toEqual([name]);
    await ours.put(name, bodyOf("after"));
    expect(await textOf(ours, name)).toBe("after");
    expect(await namesOf(ours)).toEqual([name]);
    const { state } = await manager.streams.info(`OBJ_${bucket}`);
    expect(state.messages).toBe(2);
  });

  it("is deleted", async () => {
    const { ours, former } = await newStore();
    await former.putBlob({ name }, Buffer.from("before"));
    await ours.delete(name);
    expect(await ours.info(name)).toBeUndefined();
    expect(await namesOf(ours)).toEqual([]);
  });

  it("is hidden by another client's object of the same name", async () => {
    const { bucket, ours, former } = await newStore();
    await former.putBlob({ name }, Buffer.from("before"));
    await putByOther(bucket, name, "theirs");
    expect(await textOf(ours, name)).toBe("theirs");
    expect(await namesOf(ours)).toEqual([name]);
  });

  it("makes room where that is another name's subject, and is kept", async () => {
    const { ours, former } = await newStore();
    // "Ã¤" in ISO-8859-1 has the bytes of "ä" in UTF-8.
    await former.putBlob({ name: "Ã¤" }, Buffer.from("of two characters"));
    expect(await ours.info("ä")).toBeUndefined();
    await ours.put("ä", bodyOf("of one"));
    expect([await textOf(ours, "ä"), await textOf(ours, "Ã¤")]).toEqual(["of one", "of two characters"]);
    expect(await namesOf(ours)).toEqual(["Ã¤", "ä"]);
    await ours.delete("ä");
    expect(await namesOf(ours)).toEqual(["Ã¤"]);
  });
});
