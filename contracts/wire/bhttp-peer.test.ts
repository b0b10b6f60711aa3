/** Binary HTTP with the codec of the original toolkit on the other side, in both directions. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { peerProgram } from "../../test/harness/peers.ts";
import { createRandom } from "../../test/soak/random.ts";
import { decodeBhttpReply, decodeBhttpRequest, encodeBhttpReply, encodeBhttpRequest } from "./bhttp-mode.ts";

const program = peerProgram("bhttp-0.0.80");
const why = program === undefined ? " (skipped: test/peers/bhttp.sh has not built it)" : "";

/** A result of the peer (test/peers/bhttp/main.go). */
interface Result {
  hex?: string;
  error?: string;
  [key: string]: unknown;
}

/** Gives the peer orders; resolves with a result for each. */
async function ask(orders: readonly Record<string, unknown>[]): Promise<Result[]> {
  const child = spawn(program ?? "", { stdio: ["pipe", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => void chunks.push(chunk));
  child.stdin.end(orders.map((order) => `${JSON.stringify(order)}\n`).join(""));
  await once(child, "close");
  const lines = Buffer.concat(chunks).toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Result);
}

const bytes = ({ hex = "" }: Result) => Buffer.from(hex, "hex");
const LOWER = { names: "lower", omitted: new Set<string>() } as const;

/** Pairs, by name: the peer sorts fields. */
function sorted(fields: readonly string[]): string[][] {
  const pairs = Array.from({ length: fields.length / 2 }, (_, at) => fields.slice(2 * at, 2 * at + 2));
  return pairs.sort(([a = ""], [b = ""]) => (a < b ? -1 : Number(a > b)));
}

describe.skipIf(program === undefined)(`the codec of the original toolkit${why}`, () => {
  it("writes requests that are read here, with known and unknown length", async () => {
    const Fields = [
      ["X-Many", "1"],
      ["X-Many", "2"],
      ["Accept", "*/*"],
    ];
    const URL = "http://example.org:8080/a%20b?c=%20";
    const written = await ask([
      { Do: "encode-request", Method: "GET", URL, Fields },
      { Do: "encode-request", Method: "POST", URL, Fields, Body: "hello" },
      { Do: "encode-request", Method: "POST", URL, Fields, Body: "x".repeat(10_000), IsChunked: true },
    ]);
    const [get, post, chunked] = written.map((one) => decodeBhttpRequest(bytes(one), undefined));
    const common = { rawPath: "/a%20b", query: "c=%20", host: "example.org:8080", scheme: "http" };
    const fields = ["accept", "*/*", "x-many", "1", "x-many", "2"];
    expect(get).toMatchObject({ ok: true, message: { ...common, method: "GET", fields } });
    expect(post).toMatchObject({
      ok: true,
      message: {
        ...common,
        method: "POST",
        fields: ["accept", "*/*", "content-length", "5", ...fields.slice(2)],
      },
    });
    expect(chunked).toMatchObject({ ok: true, message: { ...common, method: "POST", fields } });
    expect(chunked?.ok && chunked.message.content.byteLength).toBe(10_000);
    expect(bytes(written[2] ?? {})[0]).toBe(2);
  });

  it("writes responses that are read here", async () => {
    const Fields = [
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ];
    const written = await ask([
      { Do: "encode-response", Status: 201, Fields, Body: "made" },
      { Do: "encode-response", Status: 204, Fields },
    ]);
    const [made, empty] = written.map((one) => decodeBhttpReply(bytes(one), LOWER));
    const fields = ["set-cookie", "a=1", "set-cookie", "b=2"];
    expect(made).toMatchObject({ ok: true, message: { status: 201, fields, content: Buffer.from("made") } });
    expect(empty).toMatchObject({ ok: true, message: { status: 204 } });
  });

  it("reads requests and responses that are written here", async () => {
    const random = createRandom(1);
    const cases = Array.from({ length: 50 }, () => {
      const content = Buffer.from("x".repeat(random.pick([0, 1, 63, 64, 16_383, 16_384])));
      const fields = Array.from({ length: random.between(0, 5) }).flatMap((_, at) => [`x-${at}`, `v${at}`]);
      return { content, fields, status: random.between(200, 599) };
    });
    const requests = cases.map(({ content, fields }) => {
      const facts = {
        method: "POST",
        rawPath: "/a%20b",
        query: "c=1",
        host: "h:1",
        scheme: "http" as const,
        fields,
      };
      const encoded = encodeBhttpRequest(facts, content);
      return { Do: "decode-request", Hex: encoded.ok ? Buffer.from(encoded.data).toString("hex") : "" };
    });
    const responses = cases.map(({ content, fields, status }) => {
      const data = encodeBhttpReply(status, fields, content, "GET") ?? Buffer.alloc(0);
      return { Do: "decode-response", Hex: Buffer.from(data).toString("hex") };
    });
    const results = await ask([...requests, ...responses]);
    for (const [at, { content, fields, status }] of cases.entries()) {
      const own = sorted([...fields, "content-length", `${content.length}`]);
      expect(results[at]).toMatchObject({ method: "POST", host: "h:1", target: "/a%20b?c=1", fields: own });
      expect(results[at]?.body ?? "").toBe(content.toString());
      const isEmpty = status === 204 || status === 304;
      expect(results[at + cases.length]).toMatchObject({
        status,
        ...(isEmpty ? {} : { fields: own }),
      });
      if (!isEmpty) expect(results[at + cases.length]?.body ?? "").toBe(content.toString());
    }
  });
});
