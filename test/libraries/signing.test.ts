/** Libraries that sign. They use the whole of Web Cryptography, and run unmodified. */
import { createHash, createHmac } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { startWorld } from "../harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

async function jsonOf(path: string, init?: RequestInit) {
  const { status, text } = await world.call(path, init);
  expect([status, text]).toEqual([200, expect.any(String)]);
  return JSON.parse(text);
}

describe("jose", () => {
  it("signs, verifies, encrypts, and knows keys in all their forms", async () => {
    const source = `
      import * as jose from "jose";
      const ALGORITHMS = ["HS256", "RS256", "PS384", "ES256", "ES512", "EdDSA"];
      async function keysFor(alg: string) {
        if (!alg.startsWith("HS")) return jose.generateKeyPair(alg, { extractable: true });
        const secret = await jose.generateSecret(alg, { extractable: true });
        return { privateKey: secret, publicKey: secret };
      }
      async function roundTrip(alg: string) {
        const { privateKey, publicKey } = await keysFor(alg);
        const token = await new jose.SignJWT({ role: "admin" })
          .setProtectedHeader({ alg }).setSubject("ada").setIssuedAt().setExpirationTime("1m").sign(privateKey);
        const { payload } = await jose.jwtVerify(token, publicKey, { subject: "ada" });
        const [head, , signature] = token.split(".");
        const forged = [head, jose.base64url.encode('{"role":"root"}'), signature].join(".");
        const refused = await jose.jwtVerify(forged, publicKey).catch((error) => error.code);
        return [alg, payload.role, refused];
      }
      async function forms() {
        const { privateKey, publicKey } = await jose.generateKeyPair("ES256", { extractable: true });
        const jwk = await jose.exportJWK(publicKey);
        const spki = await jose.exportSPKI(publicKey);
        const pkcs8 = await jose.exportPKCS8(privateKey);
        const signer = await jose.importPKCS8(pkcs8, "ES256");
        const token = await new jose.SignJWT({}).setProtectedHeader({ alg: "ES256", kid: "k1" }).sign(signer);
        const keys = jose.createLocalJWKSet({ keys: [{ ...jwk, kid: "k1", alg: "ES256" }] });
        await jose.jwtVerify(token, keys);
        await jose.jwtVerify(token, await jose.importSPKI(spki, "ES256"));
        return [spki.split("\\n")[0], (await jose.calculateJwkThumbprint(jwk)).length];
      }
      async function encrypted() {
        const { privateKey, publicKey } = await jose.generateKeyPair("RSA-OAEP-256");
        const jwe = await new jose.CompactEncrypt(new TextEncoder().encode("a secret"))
          .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A256GCM" }).encrypt(publicKey);
        const { plaintext } = await jose.compactDecrypt(jwe, privateKey);
        const direct = await new jose.EncryptJWT({ a: 1 }).setProtectedHeader({ alg: "dir", enc: "A128CBC-HS256" })
          .encrypt(new Uint8Array(32).fill(7));
        const { payload } = await jose.jwtDecrypt(direct, new Uint8Array(32).fill(7));
        return [new TextDecoder().decode(plaintext), payload.a];
      }
      async function expired() {
        const secret = new TextEncoder().encode("x".repeat(32));
        const token = await new jose.SignJWT({}).setProtectedHeader({ alg: "HS256" }).setExpirationTime(1).sign(secret);
        return jose.jwtVerify(token, secret).catch((error) => [error.code, error instanceof jose.errors.JWTExpired]);
      }
      const PARTS = { roundTrip: () => Promise.all(ALGORITHMS.map(roundTrip)), forms, encrypted, expired };
      export default async (request: Request) => Response.json(await PARTS[new URL(request.url).searchParams.get("part")]());
    `;
    await world.push("jose", source, { limits: { cpuMs: 10_000 } });
    expect(await jsonOf("/jose?part=roundTrip")).toEqual(
      ["HS256", "RS256", "PS384", "ES256", "ES512", "EdDSA"].map((alg) => [
        alg,
        "admin",
        "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      ]),
    );
    expect(await jsonOf("/jose?part=forms")).toEqual(["-----BEGIN PUBLIC KEY-----", 43]);
    expect(await jsonOf("/jose?part=encrypted")).toEqual(["a secret", 1]);
    expect(await jsonOf("/jose?part=expired")).toEqual(["ERR_JWT_EXPIRED", true]);
  });

  it("takes a token that another process has signed", async () => {
    const source = `
      import { jwtVerify } from "jose";
      export default async (request: Request, env: { KEY: string }) => {
        const token = request.headers.get("authorization")?.slice("Bearer ".length) ?? "";
        const { payload } = await jwtVerify(token, new TextEncoder().encode(env.KEY));
        return Response.json(payload.sub);
      };
    `;
    await world.push("verifier", source, { env: [{ name: "KEY", value: "k".repeat(32) }] });
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const unsigned = `${encode({ alg: "HS256" })}.${encode({ sub: "ada" })}`;
    const signature = createHmac("sha256", "k".repeat(32)).update(unsigned).digest("base64url");
    expect(await jsonOf("/verifier", { headers: { authorization: `Bearer ${unsigned}.${signature}` } })).toBe(
      "ada",
    );
  });
});

describe("aws4fetch", () => {
  const KEY = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const HOST = "bucket.s3.eu-central-1.example.com";

  /** The signature by the definition of AWS Signature Version 4, without the library. */
  function signatureOf(canonical: string): string {
    const scope = "20260102/eu-central-1/s3/aws4_request";
    const toSign = ["AWS4-HMAC-SHA256", "20260102T030405Z", scope, sha256(canonical)].join("\n");
    const key = ["eu-central-1", "s3", "aws4_request"].reduce(hmac, hmac(`AWS4${KEY.secret}`, "20260102"));
    return hmac(key, toSign).toString("hex");
  }

  it("signs requests to a store of the S3 kind, by header and by query", async () => {
    const source = `
      import { AwsClient } from "aws4fetch";
      export default async (request: Request, env: Record<string, string>) => {
        const aws = new AwsClient({ accessKeyId: env.ID, secretAccessKey: env.SECRET, region: "eu-central-1", service: "s3" });
        const options = { aws: { datetime: "20260102T030405Z" } };
        const put = await aws.sign("https://HOST/a%20b/ä.txt?tagging=", { ...options, method: "PUT", body: "content", headers: { "Content-Type": "text/plain" } });
        const link = await aws.sign("https://HOST/file", { aws: { ...options.aws, signQuery: true } });
        return Response.json({ url: put.url, headers: Object.fromEntries(put.headers), body: await put.text(), link: link.url });
      };
    `;
    const env = [
      { name: "ID", value: KEY.id },
      { name: "SECRET", value: KEY.secret },
    ];
    await world.push("signer", source.replaceAll("HOST", HOST), { env });
    const signed = await jsonOf("/signer");
    expect(signed).toMatchObject({ body: "content", url: `https://${HOST}/a%20b/%C3%A4.txt?tagging=` });
    const payload = signed.headers["x-amz-content-sha256"];
    const canonical = [
      "PUT",
      "/a%20b/%C3%A4.txt",
      "tagging=",
      `host:${HOST}`,
      `x-amz-content-sha256:${payload}`,
      "x-amz-date:20260102T030405Z",
      "",
      "host;x-amz-content-sha256;x-amz-date",
      payload,
    ].join("\n");
    expect(signed.headers.authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=${KEY.id}/20260102/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signatureOf(canonical)}`,
    );
    const { searchParams } = new URL(signed.link);
    const signature = searchParams.get("X-Amz-Signature") ?? "";
    const query = [...searchParams]
      .filter(([name]) => name !== "X-Amz-Signature")
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const canonicalQuery = query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
    expect(signature).toBe(
      signatureOf(
        ["GET", "/file", canonicalQuery, `host:${HOST}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n"),
      ),
    );
  });
});
