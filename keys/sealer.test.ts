import { describe, expect, it } from "vitest";
import type { SealPlace } from "../contracts/index.ts";
import { grant, revoke, rotate } from "./changes.ts";
import { IS_LAST, NUMBER, STREAM } from "./part.ts";
import { digestOfPlace, PLACE } from "./place.ts";
import { clearBytesOf, clearBytesOfStream } from "./sealed-size.ts";
import { openStream } from "./sealed-stream.ts";
import { createTestNetwork, type TestNetwork } from "./testing/network.ts";

const place: SealPlace = ["kv", "customers", "42"];
const secret = Buffer.from("4111 1111 1111 1111");

async function withLabel(): Promise<TestNetwork> {
  const network = await createTestNetwork();
  await network.add("node:n1");
  await network.change((from, root) => grant(from, root, { label: "payments", recipient: "service:shop" }));
  return network;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error: { code?: string }) => error.code ?? String(error),
  );

describe("a sealed value", () => {
  it("opens at its own place, and never looks alike twice", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    const [one, two] = [
      await sealer.seal("payments", secret, place),
      await sealer.seal("payments", secret, place),
    ];
    expect(Buffer.from(one).equals(two)).toBe(false);
    expect(Buffer.from(one).includes("4111")).toBe(false);
    expect(Buffer.from(await sealer.open("payments", one, place))).toEqual(secret);
  });

  it("has a size that is known before", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    for (const maxBytes of [1_000, 1_001, 1_002, 1_003, 65_536]) {
      const size = clearBytesOf(maxBytes, "payments");
      const sealed = await sealer.seal("payments", new Uint8Array(size), place);
      const larger = await sealer.seal("payments", new Uint8Array(size + 2), place);
      expect(sealed.byteLength).toBeLessThanOrEqual(maxBytes);
      expect(larger.byteLength).toBeGreaterThan(maxBytes);
    }
  });

  it("is refused at any other place, and under any other label", async () => {
    const network = await withLabel();
    await network.change((from, root) => grant(from, root, { label: "other", recipient: "service:shop" }));
    const sealer = network.sealer("service:shop", "node:n1");
    const sealed = await sealer.seal("payments", secret, place);
    const places: SealPlace[] = [
      ["kv", "customers", "43"],
      ["kv", "customers.4", "2"],
      ["kv", "customers4", "2"],
      ["object", "customers", "42"],
      ["field", "kv", "customers", "42"],
    ];
    for (const other of places)
      expect(await codeOf(sealer.open("payments", sealed, other))).toBe("SEAL_MOVED");
    expect(await codeOf(sealer.open("other", sealed, place))).toBe("SEAL_MOVED");
  });

  it("is refused with any of its characters changed, cut off, or with parts of another", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    const sealed = Buffer.from(await sealer.seal("payments", secret, place)).toString();
    const other = Buffer.from(await sealer.seal("payments", secret, place)).toString();
    const parts = sealed.split(".");
    const changed = parts.flatMap((part, index) => {
      const at = Math.floor(part.length / 2);
      const flipped = part.slice(0, at) + (part[at] === "A" ? "B" : "A") + part.slice(at + 1);
      return [flipped, part.slice(0, -2), other.split(".")[index] ?? ""].map((text) =>
        parts.with(index, text).join("."),
      );
    });
    for (const text of changed.filter((text) => text !== sealed)) {
      const code = await codeOf(sealer.open("payments", Buffer.from(text), place));
      expect(["SEAL_BROKEN", "SEAL_MISSING", "SEAL_KEY_UNKNOWN", "SEAL_MOVED"]).toContain(code);
    }
  });

  it("is missing where a clear value stands", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    for (const text of ["", "clear", '{"a":1}', "a.b.c.d.e", "eyJhIjoxfQ....", "eyJhIjoxfQ.a.b.c.d"])
      expect(await codeOf(sealer.open("payments", Buffer.from(text), place))).toBe("SEAL_MISSING");
  });

  it("names no algorithm that its reader would take: those of the label are fixed", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    const [head = "", ...rest] = Buffer.from(await sealer.seal("payments", secret, place))
      .toString()
      .split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString());
    for (const alg of ["dir", "none", "A128KW", "ECDH-ES"]) {
      const forged = [Buffer.from(JSON.stringify({ ...header, alg })).toString("base64url"), ...rest];
      expect(await codeOf(sealer.open("payments", Buffer.from(forged.join(".")), place))).toBe("SEAL_BROKEN");
    }
  });
});

describe("a label", () => {
  it("gives a revoked recipient old data and no new data", async () => {
    const network = await withLabel();
    await network.add("user:ann");
    await network.change((from, root) => grant(from, root, { label: "payments", recipient: "user:ann" }));
    const shop = network.sealer("service:shop", "node:n1");
    const before = await shop.seal("payments", secret, place);
    const former = { ...network.directory };
    await network.change((from, root) => revoke(from, root, { label: "payments", recipient: "user:ann" }));
    const after = await shop.seal("payments", secret, place);
    const ann = network.sealer("user:ann", "user:ann");
    expect(await codeOf(ann.open("payments", after, place))).toBe("SEAL_KEY_UNKNOWN");
    expect(await codeOf(ann.seal("payments", secret, place))).toBe("LABEL_NOT_GRANTED");
    expect(Buffer.from(await ann.open("payments", before, place))).toEqual(secret);
    // With the directory that she had before her keys open old data. The new key is not sealed for her.
    const { keys = [] } = network.directory.labels.payments ?? {};
    network.directory = former;
    expect(Buffer.from(await ann.open("payments", before, place))).toEqual(secret);
    const { payments } = former.labels;
    if (payments === undefined) throw new Error("no label");
    network.directory = {
      ...former,
      labels: { payments: { ...payments, keys: keys as typeof payments.keys } },
    };
    expect(await codeOf(ann.open("payments", after, place))).toBe("SEAL_KEY_UNKNOWN");
  });

  it("opens what was sealed before a rotation", async () => {
    const network = await withLabel();
    const sealer = network.sealer("service:shop", "node:n1");
    const old = await sealer.seal("payments", secret, place);
    await network.change((from, root) => rotate(from, root, "payments"));
    const fresh = await sealer.seal("payments", secret, place);
    const kidOf = (sealed: Uint8Array) =>
      JSON.parse(Buffer.from(Buffer.from(sealed).toString().split(".")[0] ?? "", "base64url").toString()).kid;
    expect(kidOf(old)).not.toBe(kidOf(fresh));
    for (const sealed of [old, fresh])
      expect(Buffer.from(await sealer.open("payments", sealed, place))).toEqual(secret);
  });

  it("gives a new recipient older data only with its history, and a further node of a service all", async () => {
    const network = await withLabel();
    const shop = network.sealer("service:shop", "node:n1");
    const first = await shop.seal("payments", secret, place);
    await network.change((from, root) => rotate(from, root, "payments"));
    await network.add("user:ann");
    await network.change((from, root) => grant(from, root, { label: "payments", recipient: "user:ann" }));
    const ann = network.sealer("user:ann", "user:ann");
    expect(await codeOf(ann.open("payments", first, place))).toBe("SEAL_KEY_UNKNOWN");
    await network.change((from, root) =>
      grant(from, root, { label: "payments", recipient: "user:ann", withHistory: true }),
    );
    expect(Buffer.from(await ann.open("payments", first, place))).toEqual(secret);
    await network.add("node:n2");
    expect(
      Buffer.from(await network.sealer("service:shop", "node:n2").open("payments", first, place)),
    ).toEqual(secret);
    await network.add("node:n3", ["billing"]);
    expect(await codeOf(network.sealer("service:shop", "node:n3").open("payments", first, place))).toBe(
      "SEAL_KEY_UNKNOWN",
    );
  });

  it("is not opened with the key of another label that stands in its place", async () => {
    const network = await withLabel();
    await network.change((from, root) => grant(from, root, { label: "other", recipient: "service:shop" }));
    const { payments, other } = network.directory.labels;
    if (payments === undefined || other === undefined) throw new Error("no labels");
    const keys = payments.keys.map((key) => ({ ...key, sealed: other.keys[0]?.sealed ?? [] }));
    network.directory = {
      ...network.directory,
      labels: { payments: { ...payments, keys: keys as typeof payments.keys } },
    };
    const sealer = network.sealer("service:shop", "node:n1");
    expect(await codeOf(sealer.seal("payments", secret, place))).toBe("SEAL_BROKEN");
  });

  it("opens nothing for a function that never had it, also by the key of a node that has it for another", async () => {
    const network = await withLabel();
    const sealed = await network.sealer("service:shop", "node:n1").seal("payments", secret, place);
    const other = network.sealer("service:other", "node:n1");
    expect(await codeOf(other.open("payments", sealed, place))).toBe("SEAL_KEY_UNKNOWN");
  });

  it("is refused by a named code where it cannot be used, and nothing is sealed", async () => {
    const network = await withLabel();
    const seal = (recipient: string, label = "payments", nowMs?: () => number) =>
      codeOf(network.sealer(recipient, "node:n1", nowMs).seal(label, secret, place));
    expect(await seal("service:shop", "paymets")).toBe("LABEL_UNKNOWN");
    expect(await seal("service:other")).toBe("LABEL_NOT_GRANTED");
    expect(
      await codeOf(
        network.change((from, root) => grant(from, root, { label: "x", recipient: "user:nobody" })),
      ),
    ).toBe("RECIPIENT_WITHOUT_KEY");
    const { identities, labels } = network.directory;
    const { payments } = labels;
    if (payments === undefined) throw new Error("no label");
    network.directory = {
      ...network.directory,
      labels: { payments: { ...payments, recipients: ["service:shop", "user:gone"] } },
    };
    expect(await seal("service:shop")).toBe("RECIPIENT_WITHOUT_KEY");
    network.directory = { ...network.directory, labels, identities };
    await network.change((from, root) =>
      revoke(from, root, { label: "payments", recipient: "service:shop" }),
    );
    expect(await seal("service:shop")).toBe("LABEL_WITHOUT_RECIPIENTS");
  });

  it("is not sealed for by an expired directory; a clock that is off by minutes does not matter", async () => {
    const network = await withLabel();
    network.directory = { ...network.directory, validMs: 3_600_000 };
    const { signedAt } = network.directory;
    const sealed = await network.sealer("service:shop", "node:n1").seal("payments", secret, place);
    const at = (minutes: number) =>
      network.sealer("service:shop", "node:n1", () => signedAt + minutes * 60_000);
    expect(await codeOf(at(-30).seal("payments", secret, place))).toBe("none");
    expect(await codeOf(at(65).seal("payments", secret, place))).toBe("none");
    expect(await codeOf(at(80).seal("payments", secret, place))).toBe("DIRECTORY_EXPIRED");
    expect(Buffer.from(await at(80).open("payments", sealed, place))).toEqual(secret);
  });
});

describe("a sealed stream", () => {
  const big = Buffer.alloc(200_000, "0123456789abcdef");
  async function* inChunks(bytes: Uint8Array, size: number) {
    for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
  }
  const join = async (parts: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(parts));

  it("opens whole, however it is cut into chunks", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    for (const bytes of [big, Buffer.alloc(0), Buffer.alloc(65_536, 7), Buffer.alloc(131_072, 7)]) {
      const sealed = await join(sealer.sealStream("payments", inChunks(bytes, 10_007), place));
      expect(sealed.includes("0123456789")).toBe(false);
      expect(await join(sealer.openStream("payments", inChunks(sealed, 999), place))).toEqual(bytes);
      expect(clearBytesOfStream(sealed.byteLength, "payments")).toBe(bytes.byteLength);
    }
  });

  it("is refused where parts are missing, doubled, swapped, or of another stream", async () => {
    const sealer = (await withLabel()).sealer("service:shop", "node:n1");
    const linesOf = async () =>
      (await join(sealer.sealStream("payments", inChunks(big, 50_000), place))).toString().trim().split("\n");
    const [a = "", b = "", c = "", d = ""] = await linesOf();
    const [, other = ""] = await linesOf();
    const open = (...lines: string[]) =>
      codeOf(join(sealer.openStream("payments", inChunks(Buffer.from(lines.join("\n")), 4_096), place)));
    expect(await open(a, b, c, d)).toBe("none");
    for (const lines of [[], [a, b, c], [b, c, d], [a, c, d], [a, c, b, d], [a, b, b, c, d]])
      expect(await open(...lines)).toBe("SEAL_CUT_OFF");
    for (const lines of [[a, b, c, d, a], [a, other, c, d], [d]])
      expect(await open(...lines)).toBe("SEAL_CUT_OFF");
    expect(await codeOf(join(sealer.openStream("payments", inChunks(big, 50_000), place)))).toBe(
      "SEAL_MISSING",
    );
  });

  it("is over with its last part: a holder of the label cannot append another one of the right number", async () => {
    const network = await withLabel();
    const texts = network.texts("service:shop", "node:n1");
    const part = (number: number, isLast: boolean) =>
      texts.seal("payments", Buffer.from(`part ${number}`), {
        ...{ [PLACE]: digestOfPlace(place), [STREAM]: "one", [NUMBER]: number, [IS_LAST]: isLast },
      });
    const open = async (...lines: string[]) =>
      codeOf(join(openStream(texts, "payments", inChunks(Buffer.from(lines.join("\n")), 4_096), place)));
    const [first, last] = [await part(0, false), await part(1, true)];
    expect(await open(first, last)).toBe("none");
    for (const isLast of [true, false])
      expect(await open(first, last, await part(2, isLast))).toBe("SEAL_CUT_OFF");
    expect(await open(first, await part(1, false))).toBe("SEAL_CUT_OFF");
  });
});
