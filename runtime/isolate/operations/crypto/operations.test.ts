import { describe, expect, it } from "vitest";
import type { Measure } from "../../process/cpu-meter.ts";
import { type CallContext, CallError, type HostOperations } from "../../process/host-calls.ts";
import { createCryptoOperations } from "./operations.ts";
import { answerCryptoSupport } from "./supports.ts";

const context = { owner: 7, request: undefined, signal: new AbortController().signal } as CallContext;

/** Calls an operation as an isolate does; a failure is its name and message. */
async function call(operations: HostOperations, name: string, ...values: unknown[]): Promise<unknown> {
  try {
    return await operations[`crypto.${name}`]?.(values, context);
  } catch (error) {
    if (error instanceof CallError) return `${error.name}: ${error.message}`;
    throw error;
  }
}

const bytes = (length: number) => new ArrayBuffer(length);
const importSecret = async (operations: HostOperations, name: string, usages: string[], members = {}) =>
  (await call(operations, "importKey", "raw-secret", bytes(32), { name, ...members }, false, usages)) as {
    id: number;
  };

describe("bounds of cryptography for an isolate", () => {
  it("refuses calls that would take a thread for long, or much memory", async () => {
    const operations = createCryptoOperations();
    const pbkdf2 = await importSecret(operations, "PBKDF2", ["deriveBits", "deriveKey"]);
    const argon2 = await importSecret(operations, "Argon2id", ["deriveBits"]);
    const derivation = { name: "PBKDF2", hash: "SHA-256", salt: bytes(16), iterations: 3_000_000 };
    const memory = { name: "Argon2id", nonce: bytes(16), passes: 1, parallelism: 1, memory: 65_537 };
    const rsa = { name: "RSA-PSS", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]).buffer };
    const hmac = { name: "HMAC", hash: "SHA-256", length: 0xffff_ffff };
    const answers = await Promise.all([
      call(operations, "deriveBits", derivation, pbkdf2.id, 512),
      call(operations, "deriveBits", { ...derivation, iterations: 0xffff_ffff }, pbkdf2.id, 128),
      call(operations, "deriveKey", derivation, pbkdf2.id, { name: "HMAC", hash: "SHA-512" }, true, ["sign"]),
      call(operations, "deriveBits", memory, argon2.id, 128),
      call(operations, "deriveBits", { ...memory, memory: 65_536, passes: 17 }, argon2.id, 128),
      call(operations, "deriveBits", { ...memory, memory: 64, parallelism: 65 }, argon2.id, 128),
      call(operations, "generateKey", { ...rsa, modulusLength: 8_192 }, true, ["sign"]),
      call(operations, "generateKey", hmac, true, ["sign"]),
      call(operations, "digest", { name: "cSHAKE128", outputLength: 0xffff_fff8 }, bytes(1)),
    ]);
    expect(answers.map((answer) => String(answer).split(":")[0])).toEqual(
      answers.map(() => "OperationError"),
    );
    expect(answers[0]).toBe(
      "OperationError: PBKDF2 takes at most 4000000 iterations, and 2 times 3000000 were asked for",
    );
  });

  it("allows password hashing", async () => {
    const operations = createCryptoOperations();
    const pbkdf2 = await importSecret(operations, "PBKDF2", ["deriveBits"]);
    const derivation = { name: "PBKDF2", hash: "SHA-256", salt: bytes(16), iterations: 600_000 };
    expect(await call(operations, "deriveBits", derivation, pbkdf2.id, 256)).toMatchObject({
      byteLength: 32,
    });
  });

  it("keeps 10,000 keys for an isolate, and has room again after releases", async () => {
    const operations = createCryptoOperations();
    const make = () => importSecret(operations, "AES-GCM", ["encrypt"]);
    const keys = [];
    for (let made = 0; made < 10_000; made += 50)
      keys.push(...(await Promise.all(Array.from({ length: 50 }, make))));
    expect(await make()).toBe("QuotaExceededError: a function may hold 10000 keys at a time");
    await call(operations, "release", [keys[0]?.id, "nonsense", -1]);
    expect(await make()).toMatchObject({ type: "secret" });
    expect(await call(operations, "exportKey", "raw", keys[0]?.id)).toMatch(/^InvalidAccessError/);
  });

  it("bounds the bytes of keys, of inputs, and of all open calls", async () => {
    const operations = createCryptoOperations();
    const usages = ["deriveBits"];
    const large = () =>
      call(operations, "importKey", "raw", bytes(64 * 1024), { name: "HKDF" }, false, usages);
    expect(
      await call(operations, "importKey", "raw", bytes(65_537), { name: "HKDF" }, false, usages),
    ).toMatch(/^QuotaExceededError/);
    for (let made = 0; made < 256; made++) expect(await large()).toMatchObject({ type: "secret" });
    expect(await large()).toBe(
      "QuotaExceededError: a function may hold keys of 16777216 bytes in all at a time",
    );
    const digest = (length: number) => call(operations, "digest", { name: "SHA-256" }, bytes(length));
    expect(await digest((32 << 20) + 1)).toMatch(/^QuotaExceededError/);
    const heavy = await Promise.all(Array.from({ length: 3 }, () => digest(30 << 20)));
    expect(heavy.filter((answer) => typeof answer === "string")).toHaveLength(1);
  });

  it("charges the caller's request, with the kind of thread", async () => {
    const worked: [number, string][] = [];
    const measure: Measure = (owner, where, work) => {
      worked.push([owner, where]);
      return work();
    };
    const operations = createCryptoOperations({ measure });
    const pbkdf2 = await importSecret(operations, "PBKDF2", ["deriveBits"]);
    const derivation = { name: "PBKDF2", hash: "SHA-256", salt: bytes(16), iterations: 1_000 };
    await call(operations, "deriveBits", derivation, pbkdf2.id, 256);
    expect(worked).toEqual([
      [7, "main"],
      [7, "pool"],
    ]);
  });
});

describe("arguments from an isolate", () => {
  it("knows an isolate's own keys only", async () => {
    const [one, other] = [createCryptoOperations(), createCryptoOperations()];
    const { id } = await importSecret(one, "AES-GCM", ["encrypt"]);
    const gcm = { name: "AES-GCM", iv: bytes(12) };
    expect(await call(one, "encrypt", gcm, id, bytes(1))).toMatchObject({ byteLength: 17 });
    expect(await call(other, "encrypt", gcm, id, bytes(1))).toBe("InvalidAccessError: there is no such key");
    expect(await call(one, "encrypt", gcm, { id }, bytes(1))).toBe(
      "InvalidAccessError: there is no such key",
    );
  });

  it("passes on known members only", async () => {
    const operations = createCryptoOperations();
    for (const format of ["raw", "jwk", "constructor", ["raw"], {}])
      for (const algorithm of [
        null,
        "AES-GCM",
        { name: {} },
        { name: "AES-GCM", iv: {} },
        { name: "__proto__" },
      ])
        for (const usages of [["sign"], ["toString"], "sign", { length: 1e9 }, Array(100).fill("sign")])
          expect(
            await call(operations, "importKey", format, { kty: {}, k: 1 }, algorithm, true, usages),
          ).toMatch(/^(TypeError|NotSupportedError|DataError|SyntaxError): /);
  });

  it("answers garbage with errors of the standard, whatever the operation", async () => {
    const operations = createCryptoOperations();
    const random = createRandom(20_261_121);
    const ids = [1, (await importSecret(operations, "AES-GCM", ["encrypt", "wrapKey"])).id];
    for (const [name, members] of Object.entries(KINDS)) {
      const made = await call(
        operations,
        "generateKey",
        { name, ...members },
        true,
        USAGES_OF[name] ?? ["sign", "verify"],
      );
      for (const key of Object.values(made as object)) ids.push((key as { id: number }).id);
    }
    const names = Object.keys(operations).filter((name) => name !== "crypto.release");
    const failures = new Set<string>();
    for (let round = 0; round < 4_000; round++) {
      const values = Array.from({ length: 1 + (random() % 7) }, () => garbage(random, ids, 0));
      const name = names[random() % names.length]?.replace("crypto.", "") ?? "";
      const answer = await call(operations, name, ...values);
      if (typeof answer === "string") failures.add(answer.split(":")[0] ?? "");
      answerCryptoSupport(values);
    }
    const known = [
      "DataError",
      "InvalidAccessError",
      "NotSupportedError",
      "OperationError",
      "QuotaExceededError",
    ];
    expect([...known, "SyntaxError", "TypeError"]).toEqual(expect.arrayContaining([...failures]));
    expect(await call(operations, "digest", { name: "SHA-256" }, bytes(0))).toMatchObject({ byteLength: 32 });
  });
});

const KINDS: Record<string, object> = {
  "RSA-PSS": { hash: "SHA-256", modulusLength: 1_024, publicExponent: new Uint8Array([3]).buffer },
  ECDSA: { namedCurve: "P-256" },
  ECDH: { namedCurve: "P-521" },
  Ed25519: {},
  X25519: {},
  HMAC: { hash: "SHA-512" },
  "AES-CTR": { length: 128 },
  "AES-KW": { length: 192 },
};

const USAGES_OF: Record<string, string[]> = {
  ECDH: ["deriveBits", "deriveKey"],
  X25519: ["deriveBits"],
  "AES-CTR": ["encrypt", "decrypt"],
  "AES-KW": ["wrapKey", "unwrapKey"],
};

/** A sequence of integers that is the same in every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}

const TEXTS = [
  ...Object.keys(KINDS),
  "raw",
  "jwk",
  "pkcs8",
  "spki",
  "SHA-256",
  "PBKDF2",
  "",
  "then",
  "\u0000",
];
const MEMBERS = [
  "name",
  "hash",
  "iv",
  "public",
  "length",
  "salt",
  "iterations",
  "kty",
  "k",
  "n",
  "e",
  "then",
];
const COUNTS = [0, 1, 12, 16, 128, 256, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 32 - 1, 2 ** 53];
const USAGES = ["sign", "encrypt", "deriveBits", "wrapKey", "fly"];

function garbage(random: () => number, ids: number[], depth: number): unknown {
  const pick = <T>(from: readonly T[]) => from[random() % from.length];
  switch (random() % (depth > 2 ? 6 : 9)) {
    case 0:
      return pick([undefined, null, true, false]);
    case 1:
      return pick(TEXTS);
    case 2:
      return pick(COUNTS);
    case 3:
      return pick(ids);
    case 4:
      return new Uint8Array(Array.from({ length: pick([0, 1, 12, 16, 32, 65, 133]) ?? 0 }, random)).buffer;
    case 5:
      return [pick(USAGES)];
    case 6:
      return Array.from({ length: random() % 4 }, () => garbage(random, ids, depth + 1));
    default:
      return Object.fromEntries(
        ["name", pick(MEMBERS), pick(MEMBERS), pick(MEMBERS)].map((member, at) => [
          member,
          at === 0 ? pick(TEXTS) : garbage(random, ids, depth + 1),
        ]),
      );
  }
}
