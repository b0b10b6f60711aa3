import { pbkdf2Sync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createCryptoOperations } from "../../runtime/isolate/operations/crypto/operations.ts";
import { callJson, loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** The result of `body`, an async function that runs in an isolate. If it throws, the error's name. */
const run = (body: string) =>
  callJson(
    `const { subtle } = crypto;
     const bytes = (text) => new TextEncoder().encode(text);
     const hex = (buffer) => new Uint8Array(buffer).toHex();
     const nameOf = async (act) => { try { await act(); return "no error"; } catch (error) { return error.name; } };
     export default async () => Response.json(await (async () => { ${body} })() ?? null);`,
    undefined,
    createCryptoOperations(),
  );

describe("getRandomValues", () => {
  it("fills views of integers, and names what it does not fill", async () => {
    const found = await run(`
      const view = new Uint8Array(64);
      const part = view.subarray(8, 16);
      return [
        crypto.getRandomValues(part) === part && part.some((byte) => byte > 0),
        view.subarray(16).every((byte) => byte === 0),
        crypto.getRandomValues(new BigUint64Array(4)).some((word) => word > 0n),
        await nameOf(() => crypto.getRandomValues(new Float32Array(1))),
        await nameOf(() => crypto.getRandomValues(new DataView(new ArrayBuffer(1)))),
        await nameOf(() => crypto.getRandomValues(new Uint8Array(65537))),
        await nameOf(() => crypto.getRandomValues([])),
        await nameOf(() => crypto.getRandomValues.call({}, view)),
      ];`);
    const errors = ["TypeMismatchError", "TypeMismatchError", "QuotaExceededError", "TypeError", "TypeError"];
    expect(found).toEqual([true, true, true, ...errors]);
  });
});

describe("SubtleCrypto", () => {
  it("digests, small inputs and large ones", async () => {
    const found = await run(`return [
      hex(await subtle.digest("SHA-256", bytes("abc"))),
      hex(await subtle.digest({ name: "sha-1" }, bytes("abc").buffer)),
      hex(await subtle.digest("SHA3-256", bytes("abc"))),
      hex(await subtle.digest("SHA-256", new Uint8Array(1_000_000).fill(97))),
    ];`);
    expect(found).toEqual([
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      "a9993e364706816aba3e25717850c26c9cd0d89d",
      "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ]);
  });

  it("signs and verifies with every algorithm for it", async () => {
    const found = await run(`
      const rsa = { hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
      const algorithms = [
        [{ name: "HMAC", hash: "SHA-512" }, {}],
        [{ name: "RSASSA-PKCS1-v1_5", ...rsa }, {}],
        [{ name: "RSA-PSS", ...rsa }, { saltLength: 32 }],
        [{ name: "ECDSA", namedCurve: "P-384" }, { hash: "SHA-384" }],
        [{ name: "Ed25519" }, {}],
        [{ name: "Ed448" }, {}],
        [{ name: "ML-DSA-44" }, { context: bytes("context") }],
        [{ name: "KMAC128" }, { outputLength: 256 }],
      ];
      const verdicts = {};
      for (const [generation, use] of algorithms) {
        const made = await subtle.generateKey(generation, false, ["sign", "verify"]);
        const { privateKey = made, publicKey = made } = made;
        const algorithm = { name: generation.name, ...use };
        const signature = await subtle.sign(algorithm, privateKey, bytes("message"));
        verdicts[generation.name] = [
          await subtle.verify(algorithm, publicKey, signature, bytes("message")),
          await subtle.verify(algorithm, publicKey, signature, bytes("another")),
        ];
      }
      return verdicts;`);
    const names = [
      "HMAC",
      "RSASSA-PKCS1-v1_5",
      "RSA-PSS",
      "ECDSA",
      "Ed25519",
      "Ed448",
      "ML-DSA-44",
      "KMAC128",
    ];
    expect(found).toEqual(Object.fromEntries(names.map((name) => [name, [true, false]])));
  });

  it("encrypts and decrypts with every algorithm for it", async () => {
    const found = await run(`
      const rsa = { hash: "SHA-256", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
      const algorithms = [
        [{ name: "AES-CTR", length: 128 }, { counter: new Uint8Array(16), length: 64 }],
        [{ name: "AES-CBC", length: 192 }, { iv: new Uint8Array(16) }],
        [{ name: "AES-GCM", length: 256 }, { iv: new Uint8Array(12), additionalData: bytes("beside"), tagLength: 96 }],
        [{ name: "AES-OCB", length: 256 }, { iv: new Uint8Array(12) }],
        [{ name: "ChaCha20-Poly1305" }, { iv: new Uint8Array(12) }],
        [{ name: "RSA-OAEP", ...rsa }, { label: bytes("label") }],
      ];
      const texts = {};
      for (const [generation, use] of algorithms) {
        const made = await subtle.generateKey(generation, false, ["encrypt", "decrypt"]);
        const { privateKey = made, publicKey = made } = made;
        const algorithm = { name: generation.name, ...use };
        const sealed = await subtle.encrypt(algorithm, publicKey, bytes("message"));
        texts[generation.name] = new TextDecoder().decode(await subtle.decrypt(algorithm, privateKey, sealed));
      }
      return texts;`);
    const names = ["AES-CTR", "AES-CBC", "AES-GCM", "AES-OCB", "ChaCha20-Poly1305", "RSA-OAEP"];
    expect(found).toEqual(Object.fromEntries(names.map((name) => [name, "message"])));
  });

  it("derives, agrees and encapsulates", async () => {
    const found = await run(`
      const secret = (name) => subtle.importKey("raw-secret", bytes("password"), name, false, ["deriveBits", "deriveKey"]);
      const salt = bytes("saltsalt");
      const pbkdf2 = { name: "PBKDF2", hash: "SHA-256", salt, iterations: 1000 };
      const hkdf = { name: "HKDF", hash: "SHA-256", salt, info: bytes("info") };
      const argon2 = { name: "Argon2id", nonce: salt, memory: 64, passes: 1, parallelism: 1 };
      const key = await subtle.deriveKey(hkdf, await secret("HKDF"), { name: "AES-GCM", length: 256 }, true, ["encrypt"]);
      const agree = async (generation) => {
        const [a, b] = [await subtle.generateKey(generation, false, ["deriveBits"]), await subtle.generateKey(generation, false, ["deriveBits"])];
        const [one, two] = [
          await subtle.deriveBits({ name: generation.name, public: b.publicKey }, a.privateKey, null),
          await subtle.deriveBits({ name: generation.name, public: a.publicKey }, b.privateKey),
        ];
        return hex(one) === hex(two) && one.byteLength;
      };
      const kem = await subtle.generateKey("ML-KEM-512", false, ["encapsulateBits", "decapsulateKey"]);
      const { sharedKey, ciphertext } = await subtle.encapsulateBits("ML-KEM-512", kem.publicKey);
      const shared = await subtle.decapsulateKey("ML-KEM-512", kem.privateKey, ciphertext, "AES-GCM", true, ["encrypt"]);
      return [
        hex(await subtle.deriveBits(pbkdf2, await secret("PBKDF2"), 128)),
        (await subtle.deriveBits(argon2, await secret("Argon2id"), 256)).byteLength,
        [key.algorithm, (await subtle.exportKey("raw", key)).byteLength],
        await agree({ name: "ECDH", namedCurve: "P-521" }), await agree({ name: "X25519" }), await agree({ name: "X448" }),
        hex(sharedKey) === hex(await subtle.exportKey("raw", shared)),
      ];`);
    expect(found).toEqual([
      pbkdf2Sync("password", "saltsalt", 1_000, 16, "sha256").toString("hex"),
      32,
      [{ name: "AES-GCM", length: 256 }, 32],
      66,
      32,
      56,
      true,
    ]);
  });

  it("wraps and unwraps keys", async () => {
    const found = await run(`
      const key = await subtle.generateKey({ name: "HMAC", hash: "SHA-256", length: 256 }, true, ["sign"]);
      const kw = await subtle.generateKey({ name: "AES-KW", length: 128 }, false, ["wrapKey", "unwrapKey"]);
      const gcm = await subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["wrapKey", "unwrapKey"]);
      const iv = new Uint8Array(12);
      const hmac = { name: "HMAC", hash: "SHA-256" };
      const raw = await subtle.wrapKey("raw", key, kw, "AES-KW");
      const jwk = await subtle.wrapKey("jwk", key, gcm, { name: "AES-GCM", iv });
      const one = await subtle.unwrapKey("raw", raw, kw, "AES-KW", hmac, true, ["sign"]);
      const two = await subtle.unwrapKey("jwk", jwk, gcm, { name: "AES-GCM", iv }, hmac, true, ["sign"]);
      const exported = await Promise.all([key, one, two].map((it) => subtle.exportKey("raw", it)));
      return new Set(exported.map(hex)).size;`);
    expect(found).toBe(1);
  });

  it("imports and exports JSON Web Keys, read as their dictionary", async () => {
    const found = await run(`
      const read = [];
      const jwk = new Proxy({ kty: "oct", k: "AAAA", ext: 1, key_ops: new Set(["sign"]) }, {
        get(target, name) { read.push(name); return target[name]; },
      });
      const key = await subtle.importKey("jwk", jwk, { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
      return [await subtle.exportKey("jwk", key), read.join(" ")];`);
    expect(found).toEqual([
      { kty: "oct", k: "AAAA", alg: "HS256", ext: true, key_ops: ["sign"] },
      "alg crv d dp dq e ext k key_ops kty n oth p priv pub q qi use x y",
    ]);
  });

  it("says what is wrong by the standard's errors", async () => {
    const found = await run(`
      const key = await subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["encrypt"]);
      const gcm = { name: "AES-GCM", iv: new Uint8Array(12) };
      return [
        await nameOf(() => subtle.digest("MD5", bytes("x"))),
        await nameOf(() => subtle.exportKey("raw", key)),
        await nameOf(() => subtle.decrypt(gcm, key, bytes("x"))),
        await nameOf(() => subtle.encrypt({ name: "AES-GCM" }, key, bytes("x"))),
        await nameOf(() => subtle.encrypt(gcm, key, "text")),
        await nameOf(() => subtle.encrypt(gcm, {}, bytes("x"))),
        await nameOf(() => subtle.generateKey({ name: "AES-GCM", length: 129 }, false, ["encrypt"])),
        await nameOf(() => subtle.generateKey({ name: "AES-GCM", length: 128 }, false, [])),
        await nameOf(() => subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["fly"])),
        await nameOf(() => subtle.importKey("jwk", {}, "AES-GCM", false, ["encrypt"])),
        await nameOf(() => subtle.importKey("raw", {}, "AES-GCM", false, ["encrypt"])),
        await nameOf(() => subtle.digest("SHA-256")),
        await nameOf(() => subtle.digest.call({}, "SHA-256", bytes("x"))),
      ];`);
    expect(found).toEqual([
      "NotSupportedError",
      "InvalidAccessError",
      "InvalidAccessError",
      "TypeError",
      "TypeError",
      "TypeError",
      "OperationError",
      "SyntaxError",
      "TypeError",
      "DataError",
      "TypeError",
      "TypeError",
      "TypeError",
    ]);
  });

  it("throws nothing: its methods reject", async () => {
    const found = await run(`
      const promise = subtle.digest.call(undefined);
      return [promise instanceof Promise, await nameOf(() => promise)];`);
    expect(found).toEqual([true, "TypeError"]);
  });

  it("copies bytes when it has read the algorithm, and before it returns", async () => {
    const found = await run(`
      const during = bytes("xxx");
      const one = subtle.digest({ get name() { during.set(bytes("abc")); return "SHA-256"; } }, during);
      const after = bytes("abc");
      const two = subtle.digest("SHA-256", after);
      after.fill(0);
      return [hex(await one).slice(0, 8), hex(await two).slice(0, 8)];`);
    expect(found).toEqual(["ba7816bf", "ba7816bf"]);
  });

  it("reads bytes by what a buffer is, not by what it says", async () => {
    const found = await run(`
      const data = bytes("xabcx").subarray(1, 4);
      Object.defineProperty(data, "byteLength", { value: 1 });
      Object.defineProperty(data, "buffer", { get() { throw new Error("asked"); } });
      return hex(await subtle.digest("SHA-256", data)).slice(0, 8);`);
    expect(found).toBe("ba7816bf");
  });

  it("does more at once than the host takes at once", async () => {
    const found = await run(`
      const digests = await Promise.all(
        Array.from({ length: 1_500 }, (_, at) => subtle.digest("SHA3-256", new Uint8Array([at & 255]))),
      );
      return new Set(digests.map(hex)).size;`);
    expect(found).toBe(256);
  });

  it("keeps no request waiting for another's calls", async () => {
    const operations = createCryptoOperations();
    const loaded = await loadTestFunction(
      `export default async () => {
         const digests = Array.from({ length: 100 }, () => crypto.subtle.digest("SHA-256", new Uint8Array(9)));
         return new Response(String((await Promise.all(digests)).length));
       };`,
      {},
      {
        ...operations,
        // A call of a request that has used up its time never returns.
        "crypto.digest": (values, context) =>
          context.owner === 1
            ? new Promise(() => undefined)
            : (operations["crypto.digest"]?.(values, context) ?? null),
      },
    );
    void loaded.call();
    expect(await loaded.call()).toMatchObject({ body: "100" });
  });

  it("refuses what is too large, and goes on", async () => {
    const found = await run(`return [
      await nameOf(() => subtle.digest("SHA-256", new Uint8Array(33 << 20))),
      await nameOf(() => subtle.digest("SHA-256", new Uint8Array(1 << 20))),
    ];`);
    expect(found).toEqual(["QuotaExceededError", "no error"]);
  });
});

describe("CryptoKey", () => {
  it("describes its key, and cannot be made or changed", async () => {
    const found = await run(`
      const rsa = { name: "RSA-PSS", hash: "SHA-256", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) };
      const { privateKey } = await subtle.generateKey(rsa, true, ["sign"]);
      const { type, extractable, algorithm, usages } = privateKey;
      return [
        type, extractable, { ...algorithm, publicExponent: [...algorithm.publicExponent] }, usages,
        privateKey.algorithm === algorithm && privateKey.usages === usages, String(privateKey),
        Reflect.ownKeys(privateKey), await nameOf(() => new CryptoKey()), await nameOf(() => new CryptoKey(privateKey)),
        await nameOf(() => subtle.exportKey("jwk", Object.create(privateKey))),
      ];`);
    expect(found).toEqual([
      "private",
      true,
      { name: "RSA-PSS", hash: { name: "SHA-256" }, modulusLength: 1024, publicExponent: [1, 0, 1] },
      ["sign"],
      true,
      "[object CryptoKey]",
      [],
      "TypeError",
      "TypeError",
      "TypeError",
    ]);
  });

  it("is not changed by what user code does to its description", async () => {
    const found = await run(`
      const key = await subtle.generateKey({ name: "AES-GCM", length: 128 }, false, ["encrypt"]);
      key.algorithm.name = "AES-CBC";
      key.usages.push("decrypt");
      return nameOf(() => subtle.decrypt({ name: "AES-GCM", iv: new Uint8Array(12) }, key, new Uint8Array(16)));`);
    expect(found).toBe("InvalidAccessError");
  });

  it("can be cloned, and the clone used", async () => {
    const found = await run(`
      const key = await subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
      const clone = structuredClone({ key }).key;
      const [one, two] = [await subtle.sign("HMAC", key, bytes("x")), await subtle.sign("HMAC", clone, bytes("x"))];
      return [clone instanceof CryptoKey, clone === key, clone.extractable, hex(one) === hex(two)];`);
    expect(found).toEqual([true, false, false, true]);
  });

  it("is forgotten by the host when nobody refers to it any more", async () => {
    const operations = createCryptoOperations();
    let released = 0;
    const loaded = await loadTestFunction(
      `export default async () => {
         const make = () => crypto.subtle.importKey("raw", new Uint8Array(16), "AES-GCM", false, ["encrypt"]);
         for (let made = 0; made < 12_000; made += 16) await Promise.all(Array.from({ length: 16 }, make));
         return new Response("made");
       };`,
      {},
      {
        ...operations,
        "crypto.release": (values, context) => {
          released += (values[0] as number[]).length;
          return operations["crypto.release"]?.(values, context);
        },
      },
    );
    // More keys than the host keeps for one isolate.
    expect(await loaded.call()).toMatchObject({ body: "made" });
    expect(released).toBeGreaterThan(2_000);
  });
});
