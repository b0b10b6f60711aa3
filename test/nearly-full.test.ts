/** A request leaves an instance nearly full. The requests after it do not pay for that. */
import { afterAll, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

const world = await startWorld();
afterAll(() => world[Symbol.asyncDispose]());

/** A module with one page of memory, which it exports, and `f`, which grows it by 64 pages. */
const GROWS = `new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,5,3,1,0,1,7,9,2,1,102,0,0,1,109,2,0,10,10,1,8,0,65,192,0,64,0,26,11])`;
const limits = { cpuMs: 10_000, memoryMb: 32 };

it("a POST that meets memory which WebAssembly has used up is begun by another instance", async () => {
  const source = `
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(${GROWS}));
    export default ({ url, method }: Request) => {
      if (url.endsWith("?fill")) for (let at = 0; at < 8; at++) exports.f();
      return new Response(method);
    };
  `;
  await world.push("grows", source, { limits });
  for (let round = 0; round < 4; round++) {
    // Sent together: the other requests arrive before the first has been measured.
    const [filling, ...others] = await Promise.all([
      world.call("/grows?fill"),
      ...Array.from({ length: 5 }, () => world.call("/grows", { method: "POST" })),
    ]);
    expect(filling).toMatchObject({ status: 200, text: "GET" });
    for (const other of others) expect(other).toMatchObject({ status: 200, text: "POST" });
  }
});

it("an instance is replaced when a request has left nine tenths of its memory full", async () => {
  const source = `
    const kept: Uint8Array[] = [];
    export default ({ url }: Request) => {
      if (url.endsWith("?fill")) kept.push(new Uint8Array(30 << 20).fill(1));
      return new Response("kept");
    };
  `;
  await world.push("keeps", source, { limits });
  expect(await world.call("/keeps?fill")).toMatchObject({ status: 200 });
  expect(await world.announced("keeps", "gone")).toMatchObject({ reason: "replaced" });
  expect(await world.call("/keeps")).toMatchObject({ status: 200 });
  const messages = (await world.logs("keeps")).map(({ message }) => message);
  expect(messages).toContainEqual(
    expect.stringMatching(/nine tenths of its memory.*limits\.memoryMb is 32 MB/),
  );
});

it("an instance stays whose memory is full of garbage alone", async () => {
  const source = `export default () => new Response(String(new Uint8Array(30 << 20).fill(1).byteLength));`;
  await world.push("drops", source, { limits });
  for (let round = 0; round < 20; round++)
    expect(await world.call("/drops")).toMatchObject({ status: 200, text: String(30 << 20) });
  const first = await world.announced("drops", "ready");
  expect((await world.ps("drops")).map(({ instance }) => instance)).toEqual([first.instance]);
});
