/** Encodings and compression together with their host side: in a host process, under the permission model. */
import { gunzipSync, gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

it("compresses and decodes in the host process that functions really run in", async () => {
  await using world = await startWorld();
  await world.push(
    "coded",
    `
      export async function GET() {
        const line = (i: number) => new TextEncoder().encode("line " + i + "\\n");
        const lines = ReadableStream.from(Array.from({ length: 20_000 }, (_, i) => line(i)));
        const body = lines.pipeThrough(new CompressionStream("gzip"));
        return new Response(body, { headers: { "content-type": "application/gzip" } });
      }
      export async function POST(request: Request) {
        const text = request.body!.pipeThrough(new DecompressionStream("gzip")).pipeThrough(new TextDecoderStream("big5"));
        return new Response((await Array.fromAsync(text)).join(""));
      }
    `,
  );
  const got = await world.fetch("/coded");
  const text = gunzipSync(new Uint8Array(await got.arrayBuffer())).toString();
  expect(text.split("\n")).toHaveLength(20_001);
  expect(text.endsWith("line 19999\n")).toBe(true);

  const big5 = gzipSync(Uint8Array.of(0xa7, 0x41, 0xa6, 0x6e));
  const posted = await world.call("/coded", { method: "POST", body: big5 });
  expect(posted).toMatchObject({ status: 200, text: "你好" });
});
