import { describe, expect, it } from "vitest";
import { loadTestFunction } from "../../runtime/testing/sandbox.ts";

/** Runs statements inside an isolate. Their result returns as JSON. */
async function evaluate(statements: string): Promise<unknown> {
  const loaded = await loadTestFunction(
    `export default async () => new Response(JSON.stringify(await (async () => { ${statements} })()))`,
  );
  const answer = await loaded.call();
  if (answer.kind !== "response") throw new Error(answer.text);
  return JSON.parse(Buffer.from(await loaded.read(answer.body)).toString());
}

const bytes = (...values: number[]) => `new Uint8Array([${values}])`;

describe("TextDecoder", () => {
  it.each([
    ["big5", bytes(0xa7, 0x41), "你"],
    ["x-gbk", bytes(0xc4, 0xe3), "你"],
    ["gb18030", bytes(0x81, 0x30, 0x81, 0x30), "\u0080"],
    ["windows-31j", bytes(0x82, 0xa0), "あ"],
    ["euc-jp", bytes(0xa4, 0xa2), "あ"],
    ["iso-2022-jp", bytes(0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42), "あ"],
    ["korean", bytes(0xb0, 0xa1), "가"],
    ["latin1", bytes(0x80, 0xe4), "€ä"],
    ["koi8-r", bytes(0xc1), "а"],
    ["utf-16be", bytes(0x30, 0x42), "あ"],
    [" UTF8 ", bytes(0xef, 0xbb, 0xbf, 0xe3, 0x81, 0x82), "あ"],
  ])("knows %s", async (label, input, text) => {
    expect(await evaluate(`return new TextDecoder(${JSON.stringify(label)}).decode(${input})`)).toBe(text);
  });

  it("begins anew after each whole text, before and after one in pieces", async () => {
    const seen = await evaluate(`
      const decoder = new TextDecoder();
      const bom = [0xef, 0xbb, 0xbf];
      const decode = (bytes, stream) => decoder.decode(new Uint8Array(bytes), { stream });
      const whole = () => decode([...bom, 0x61, 0xe3]);
      return [whole(), whole(), decode([...bom, 0xe3], true), decode([0x81, 0x82]), whole()];`);
    expect(seen).toEqual(["a\ufffd", "a\ufffd", "", "あ", "a\ufffd"]);
  });

  it("refuses malformed bytes where it is told to, and goes on", async () => {
    const seen = await evaluate(`
      const decoder = new TextDecoder("utf8", { fatal: true, ignoreBOM: true });
      const attempt = (...bytes) => {
        try { return decoder.decode(new Uint8Array(bytes)); } catch (error) { return error.name; }
      };
      return [attempt(0xff), attempt(0xef, 0xbb, 0xbf, 0x61), decoder.encoding];`);
    expect(seen).toEqual(["TypeError", "\ufeffa", "utf-8"]);
  });

  it("puts a character together whose bytes come one by one, in multi-byte encodings too", async () => {
    const seen = await evaluate(`
      const decode = (label, ...parts) => {
        const decoder = new TextDecoder(label);
        return parts.map((part) => decoder.decode(new Uint8Array([part]), { stream: true })).concat(decoder.decode());
      };
      return [decode("utf-8", 0xe3, 0x81, 0x82), decode("shift_jis", 0x82, 0xa0), decode("gb18030", 0x81, 0x30)];`);
    expect(seen).toEqual([
      ["", "", "あ", ""],
      ["", "あ", ""],
      ["", "", "�"],
    ]);
  });

  it("throws what the standard names for labels and input that are none", async () => {
    const seen = await evaluate(`
      const nameOf = (action) => { try { action(); return "nothing" } catch (error) { return error.constructor.name } };
      return [
        nameOf(() => new TextDecoder("replacement")),
        nameOf(() => new TextDecoder("utf-7")),
        nameOf(() => new TextDecoder("utf-8", 1)),
        nameOf(() => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]))),
        nameOf(() => new TextDecoder("big5", { fatal: true }).decode(new Uint8Array([0xff]))),
        nameOf(() => new TextDecoder().decode("text")),
        nameOf(() => TextDecoder.prototype.encoding),
      ];`);
    expect(seen).toEqual([
      "RangeError",
      "RangeError",
      "TypeError",
      "TypeError",
      "TypeError",
      "TypeError",
      "TypeError",
    ]);
  });

  it("decodes what shared memory and views on a part of a buffer hold", async () => {
    const seen = await evaluate(`
      const shared = new SharedArrayBuffer(3);
      new Uint8Array(shared).set([97, 98, 99]);
      return [new TextDecoder().decode(shared), new TextDecoder().decode(new DataView(shared, 1, 1))];`);
    expect(seen).toEqual(["abc", "b"]);
  });
});

describe("TextEncoder", () => {
  it("writes as many whole characters as there is room for", async () => {
    const seen = await evaluate(`
      const into = new Uint8Array(5);
      const result = new TextEncoder().encodeInto("aあい", into);
      return [result, [...into], [...new TextEncoder().encode("\\ud800")]];`);
    expect(seen).toEqual([{ read: 2, written: 4 }, [97, 0xe3, 0x81, 0x82, 0], [0xef, 0xbf, 0xbd]]);
  });
});

describe("encoding streams", () => {
  it("carry text through bytes and back, across chunks that split characters", async () => {
    const seen = await evaluate(`
      const source = ReadableStream.from(["gr\\u00fc\\u00dfe \\ud83d", "\\ude00", "\\ud83d"]);
      const text = source
        .pipeThrough(new TextEncoderStream())
        .pipeThrough(new TransformStream({
          transform(chunk, controller) { for (const byte of chunk) controller.enqueue(new Uint8Array([byte])) },
        }))
        .pipeThrough(new TextDecoderStream());
      return (await Array.fromAsync(text)).join("");`);
    expect(seen).toBe("grüße 😀�");
  });

  it("break where a fatal decoder meets malformed bytes", async () => {
    const seen = await evaluate(`
      const broken = ReadableStream.from([new Uint8Array([0xff])]).pipeThrough(new TextDecoderStream("utf-8", { fatal: true }));
      return Array.fromAsync(broken).then(() => "whole", (error) => error.name);`);
    expect(seen).toBe("TypeError");
  });
});
