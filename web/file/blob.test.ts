import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

/** Runs the body of an async function inside an isolate. Its result returns as JSON. */
const run = (statements: string) =>
  callJson(`export default async () => Response.json(await (async () => { ${statements} })())`);

describe("Blob", () => {
  it.each([
    ["new Blob(['a', new Uint8Array([98]), new Blob(['c']), new ArrayBuffer(1)]).text()", "abc\0"],
    ["new Blob(['a\\r\\nb\\rc\\nd'], { endings: 'native' }).text()", "a\nb\nc\nd"],
    ["new Blob(['\\ud800']).bytes().then((bytes) => [...bytes])", [0xef, 0xbf, 0xbd]],
    ["new Blob(['x'], { type: 'Text/HTML' }).type", "text/html"],
    ["new Blob(['x'], { type: 'a\\u00e9' }).type", ""],
    ["new Blob(['hello', ' ', 'world']).slice(3, 8).text()", "lo wo"],
    ["new Blob(['hello']).slice(-3, -1).text()", "ll"],
    ["new Blob(['hello']).slice(4, 2).size", 0],
    ["new Blob(['hello']).slice(1).slice(1, 3, 'a/B').type", "a/b"],
    ["new Blob(['\\ufeffa']).text()", "a"],
    ["new Blob(['a']).arrayBuffer().then((buffer) => buffer.byteLength)", 1],
    ["structuredClone(new Blob(['ab'], { type: 'x/y' })).text()", "ab"],
    [
      "[Blob.length, Blob.name, Object.prototype.toString.call(new Blob()), Blob.prototype.slice.length]",
      [0, "Blob", "[object Blob]", 0],
    ],
  ])("%s is %j", async (expression, expected) => {
    expect(await run(`return ${expression}`)).toEqual(expected);
  });

  it("keeps what it was made of, whatever becomes of that, and gives copies", async () => {
    expect(
      await run(`
        const source = new Uint8Array([1, 2]);
        const blob = new Blob([source]);
        source[0] = 9;
        (await blob.bytes())[1] = 9;
        for await (const chunk of blob.stream()) chunk[0] = 7;
        return [...(await blob.bytes())];
      `),
    ).toEqual([1, 2]);
  });

  it("streams in chunks, as a byte stream", async () => {
    expect(
      await run(`
        const blob = new Blob(["x".repeat(100_000), new Uint8Array(3)]);
        const sizes = [];
        for await (const chunk of blob.stream()) sizes.push(chunk.byteLength);
        const reader = blob.stream().getReader({ mode: "byob" });
        const { value } = await reader.read(new Uint8Array(10));
        return [sizes, value.byteLength];
      `),
    ).toEqual([[65_536, 34_464, 3], 10]);
  });

  it.each([
    "new Blob('text')",
    "new Blob({})",
    "new Blob([], 1)",
    "new Blob([], { endings: 'odd' })",
    "Blob()",
    "new Blob(null)",
    "Object.getOwnPropertyDescriptor(Blob.prototype, 'size').get.call({})",
  ])("refuses %s", async (expression) => {
    expect(await run(`try { ${expression} } catch (error) { return error.name }`)).toBe("TypeError");
  });
});

describe("File", () => {
  it("is a blob with a name and a time", async () => {
    expect(
      await run(`
        const file = new File(["ab"], "a/b.txt", { type: "text/plain", lastModified: 5.7 });
        const copy = structuredClone({ file }).file;
        const before = Date.now();
        const { lastModified } = new File([], "x");
        return [
          file instanceof Blob, file.name, file.type, file.lastModified, file.size,
          copy instanceof File && copy !== file, copy.name, copy.lastModified, await copy.text(),
          lastModified >= before, Object.prototype.toString.call(file), File.length,
          Object.prototype.toString.call(file.slice(0, 1)),
        ];
      `),
    ).toEqual([
      true,
      "a/b.txt",
      "text/plain",
      5,
      2,
      true,
      "a/b.txt",
      5,
      "ab",
      true,
      "[object File]",
      2,
      "[object Blob]",
    ]);
  });

  it.each(["new File()", "new File([])", "new File('text', 'name')", "new File(undefined, 'name')"])(
    "refuses %s",
    async (expression) => {
      expect(await run(`try { ${expression} } catch (error) { return error.name }`)).toBe("TypeError");
    },
  );
});

describe("an object URL", () => {
  it("names its blob until it is revoked", async () => {
    expect(
      await run(`
        const [url, other] = [URL.createObjectURL(new Blob()), URL.createObjectURL(new Blob())];
        URL.revokeObjectURL(url);
        let refused;
        try { URL.createObjectURL({}) } catch (error) { refused = error.name }
        return [/^blob:null\\/[0-9a-f-]{36}$/.test(url), url === other, refused];
      `),
    ).toEqual([true, false, "TypeError"]);
  });
});
