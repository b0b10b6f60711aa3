/** Cryptography through the whole system: a library that is based on it, and the bound of its cost. */
import { createPublicKey, verify } from "node:crypto";
import { afterAll, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

it("jose signs, verifies, encrypts and decrypts", async () => {
  await world.push(
    "tokens",
    `import * as jose from "jose";
     const algorithms = ["HS256", "RS256", "PS384", "ES256", "ES512", "EdDSA"];
     const keysFor = async (algorithm: string) => {
       if (algorithm !== "HS256") return jose.generateKeyPair(algorithm, { extractable: true });
       const secret = await jose.generateSecret(algorithm);
       return { privateKey: secret, publicKey: secret };
     };
     const verdict = async (token: string, key: CryptoKey) => {
       try { return (await jose.jwtVerify(token, key, { issuer: "narun" })).payload.sub; }
       catch (error: any) { return error.code; }
     };
     export default async () => {
       const tokens: Record<string, unknown> = {};
       for (const algorithm of algorithms) {
         const { privateKey, publicKey } = await keysFor(algorithm);
         const token = await new jose.SignJWT({ role: "author" })
           .setProtectedHeader({ alg: algorithm }).setSubject("ada").setIssuer("narun").setIssuedAt()
           .setExpirationTime("1m").sign(privateKey);
         const [head, body, signature] = token.split(".");
         const forged = [head, jose.base64url.encode('{"sub":"eve","iss":"narun"}'), signature].join(".");
         const jwk = algorithm === "HS256" ? undefined : await jose.exportJWK(publicKey);
         tokens[algorithm] = { token, jwk, is: await verdict(token, publicKey), forged: await verdict(forged, publicKey) };
       }
       const { privateKey, publicKey } = await jose.generateKeyPair("ECDH-ES+A256KW");
       const sealed = await new jose.EncryptJWT({ sub: "ada" })
         .setProtectedHeader({ alg: "ECDH-ES+A256KW", enc: "A256GCM" }).encrypt(publicKey);
       const opened = await jose.jwtDecrypt(sealed, privateKey);
       return Response.json({ tokens, opened: opened.payload.sub });
     };`,
    { limits: { cpuMs: 5_000 } },
  );
  const answer = await world.call("/tokens");
  expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
  const { tokens, opened } = JSON.parse(answer.text) as {
    tokens: Record<string, { token: string; jwk: object; is: string; forged: string }>;
    opened: string;
  };
  expect(opened).toBe("ada");
  expect(Object.keys(tokens)).toHaveLength(6);
  for (const { is, forged } of Object.values(tokens))
    expect({ is, forged }).toEqual({ is: "ada", forged: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" });
  // Node verifies the same token.
  const { token = "", jwk = {} } = tokens.RS256 ?? {};
  const [head, body, signature] = token.split(".");
  const key = createPublicKey({ key: jwk as never, format: "jwk" });
  expect(
    verify("sha256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature ?? "", "base64url")),
  ).toBe(true);
});

it("what the host computes for a request counts towards limits.cpuMs", async () => {
  await world.push(
    "miner",
    `const derive = async () => {
       const key = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]);
       const salt = new Uint8Array(16);
       return crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-512", salt, iterations: 1_000_000 }, key, 512);
     };
     export default async (request: Request) => {
       if (new URL(request.url).search === "?much") for (;;) await Promise.all([derive(), derive(), derive(), derive()]);
       return new Response("little");
     };`,
    { limits: { cpuMs: 500 } },
  );
  await world.push(
    "beside",
    `export default async () => {
    const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(100_000));
    return new Response(String(digest.byteLength));
  };`,
  );
  expect((await world.call("/miner")).text).toBe("little");
  const mining = world.call("/miner?much");
  // Meanwhile the digests of a neighbour in the same process are computed.
  expect((await world.call("/beside")).text).toBe("32");
  const answer = await mining;
  expect(JSON.parse(answer.text)).toMatchObject({ code: "CPU_LIMIT" });
  expect((await world.call("/miner")).text).toBe("little");
});
