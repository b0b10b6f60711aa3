import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

/** The value of an expression in a handler, as JSON. */
const inHandler = (expression: string, before = "") =>
  callJson(`export default async () => { ${before} return Response.json(await (${expression})); }`);

/** A module with a memory of one page, which it exports, and \`f\`, which grows it by 64 pages. */
const GROWS = `new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,5,3,1,0,1,7,9,2,1,102,0,0,1,109,2,0,10,10,1,8,0,65,192,0,64,0,26,11])`;
const MIB = 1024 * 1024;

describe("constructors that count memory", () => {
  it.each([
    "ArrayBuffer",
    "SharedArrayBuffer",
    "WebAssembly.Memory",
    "WebAssembly.Module",
    "WebAssembly.Instance",
  ])("%s is what it was", async (name) => {
    const facts = `[${name}.name, ${name}.length, typeof ${name}, ${name}.prototype.constructor === ${name},
        (() => { try { ${name}({}); } catch (error) { return error.name; } })()]`;
    const [, last = name] = name.split(".");
    expect(await inHandler(facts)).toEqual([last, 1, "function", true, "TypeError"]);
  });

  it("serve classes that are derived from them, and methods that ask for a species", async () => {
    const before = `class Own extends ArrayBuffer { get mine() { return true; } }`;
    expect(
      await inHandler(
        `[new Own(8).mine, new Own(8).slice(2).byteLength, new Own(8).slice(2) instanceof Own]`,
        before,
      ),
    ).toEqual([true, 6, true]);
  });
});

describe("memory that V8 does not count", () => {
  const refusedAt = (make: string) =>
    inHandler(
      `(() => { const kept = []; for (let count = 0; count < 1000; count++) try { ${make} } catch (error) { return [error.name, count > 1, count < 128]; } return "never"; })()`,
    );

  it.each([
    ["resizable buffers", `kept.push(new ArrayBuffer(0, { maxByteLength: ${2 * MIB} }));`],
    ["growable shared buffers", `kept.push(new SharedArrayBuffer(0, { maxByteLength: ${2 * MIB} }));`],
    ["WebAssembly memories", `kept.push(new WebAssembly.Memory({ initial: 32 }));`],
    ["shared ones", `kept.push(new WebAssembly.Memory({ initial: 32, maximum: 32, shared: true }));`],
    ["one that grows", `kept[0] ??= new WebAssembly.Memory({ initial: 1 }); kept[0].grow(32);`],
  ])("is refused where there is no room: %s", async (_what, make) => {
    expect(await refusedAt(make)).toEqual(["RangeError", true, true]);
  });

  it("is given back with what it stands for", async () => {
    const before = `for (let at = 0; at < 60; at++) { new ArrayBuffer(0, { maxByteLength: ${4 * MIB} }); new WebAssembly.Memory({ initial: 64 }); }`;
    expect(await inHandler(`"still there"`, before)).toBe("still there");
  });

  it("keeps a memory as it was where it could not grow", async () => {
    const before = `const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 }); const grow = (by) => { try { return memory.grow(by); } catch (error) { return error.name; } };`;
    expect(
      await inHandler(
        `[grow(1), grow(9), grow(-1), grow({ valueOf: () => 1 }), memory.buffer.byteLength / 65536]`,
        before,
      ),
    ).toEqual([1, "RangeError", "TypeError", 2, 3]);
  });

  it("of a module that grows it itself is measured at the next entry", async () => {
    const before = `const { exports } = new WebAssembly.Instance(new WebAssembly.Module(${GROWS}));
      for (let at = 0; at < 20; at++) exports.f();
      await new Promise((done) => setTimeout(done, 1));`;
    const refused = `(() => { try { new ArrayBuffer(${60 * MIB}); return "given"; } catch (error) { return error.name; } })()`;
    expect(await inHandler(`[exports.m.buffer.byteLength / ${MIB}, ${refused}]`, before)).toEqual([
      (1 + 20 * 64) / 16,
      "RangeError",
    ]);
  });

  it("is counted by the bytes that were compiled, not by those that stand there before or after", async () => {
    const before = `const bytes = ${GROWS}; const swap = { get builtins() { bytes[22] = 0x7f; return undefined; } };`;
    const made = `(() => { try { new WebAssembly.Module(bytes, swap); return "made"; } catch (error) { return error.name; } })()`;
    expect(await inHandler(made, before)).toBe("RangeError");
  });
});
