import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../test/soak/random.ts";
import { EXECUTABLE_HEAD_BYTES, readExecutable } from "./executable.ts";
import { elf, machO, pe, universal } from "./testing/headers.ts";

const read = (bytes: Uint8Array) => readExecutable(bytes, bytes.byteLength);
const platformsOf = (bytes: Uint8Array) => {
  const reading = read(bytes);
  if (!reading.ok) throw new Error(reading.reason);
  return reading.file.kind === "native"
    ? reading.file.platforms.map(({ os, arch }) => `${os}/${arch}`)
    : reading.file;
};
const reasonOf = (bytes: Uint8Array) => {
  const reading = read(bytes);
  return reading.ok ? undefined : reading.reason;
};

describe("a program's file", () => {
  it.each([
    ["linux/amd64", elf({ machine: 62 })],
    ["linux/amd64", elf({ machine: 62, system: 3, type: 3 })],
    ["linux/arm64", elf({ machine: 183 })],
    ["linux/arm", elf({ machine: 40, is64: false })],
    ["linux/386", elf({ machine: 3, is64: false })],
    ["linux/riscv64", elf({ machine: 243 })],
    ["linux/ppc64le", elf({ machine: 21 })],
    ["linux/ppc64", elf({ machine: 21, isLittle: false })],
    ["linux/s390x", elf({ machine: 22, isLittle: false })],
    ["linux/mips", elf({ machine: 8, is64: false, isLittle: false })],
    ["linux/mips64le", elf({ machine: 8 })],
    ["freebsd/amd64", elf({ machine: 62, system: 9 })],
    ["openbsd/arm64", elf({ machine: 183, system: 12 })],
    ["darwin/amd64", machO(0x01000007)],
    ["darwin/arm64", machO(0x0100000c)],
    ["darwin/386", machO(7, { is64: false })],
    ["darwin/arm64", machO(0x0100000c, { isLittle: false })],
    ["windows/amd64", pe(0x8664)],
    ["windows/arm64", pe(0xaa64, { at: 0x400 })],
    ["windows/386", pe(0x14c)],
  ])("is for %s by its header", (platform, bytes) => {
    expect(platformsOf(bytes)).toEqual([platform]);
  });

  it.each([false, true])("is for every processor of a universal binary (64 bits: %s)", (is64) => {
    const both = universal([0x01000007, 0x0100000c, 0x0100000c], { is64 });
    expect(platformsOf(both)).toEqual(["darwin/amd64", "darwin/arm64"]);
  });

  it("is read off a real program", () => {
    const head = readFileSync(process.execPath).subarray(0, EXECUTABLE_HEAD_BYTES);
    expect(readExecutable(head, statSync(process.execPath).size)).toMatchObject({
      ok: true,
      file: { kind: "native" },
    });
  });

  it.each([
    ["#!/bin/sh\necho hi\n", { kind: "script", interpreter: "/bin/sh" }],
    [
      "#! /usr/bin/env  python3 -u \n",
      { kind: "script", interpreter: "/usr/bin/env", argument: "python3 -u" },
    ],
    ["#!/bin/sh", { kind: "script", interpreter: "/bin/sh" }],
  ])("is a script by its first line %j", (text, script) => {
    expect(platformsOf(Buffer.from(text))).toEqual(script);
  });

  it.each([
    ["empty", Buffer.alloc(0), /is empty/],
    ["a text", Buffer.from("echo hi\n"), /neither a program .* nor a script/],
    ["one byte", Buffer.from([0x7f]), /neither/],
    ["an object file", elf({ machine: 62, type: 1 }), /object file/],
    ["a memory dump", elf({ machine: 62, type: 4 }), /memory dump/],
    ["a shared library", elf({ machine: 62, type: 3, entry: 0 }), /shared library/],
    ["for an unknown processor", elf({ machine: 9_999 }), /unknown processor 9999/],
    ["for an unknown system", elf({ machine: 62, system: 77 }), /unknown system 77/],
    ["of an unknown class", elf({ machine: 62 }).fill(7, 4, 5), /unknown class 7/],
    ["cut off in its header", elf({ machine: 62 }).subarray(0, 20), /cut off/],
    ["cut off behind its header", elf({ machine: 62 }).subarray(0, 70), /cut off/],
    ["a shared library of macOS", machO(0x01000007, { type: 6 }), /shared library/],
    ["a universal binary without its parts", universal([7, 12]).subarray(0, 60), /part for .* is not there/],
    ["a universal binary of nothing", universal([]), /no processor/],
    ["a class of Java", Buffer.from("cafebabe0000004100100a00", "hex"), /class of Java/],
    ["a library of Windows", pe(0x8664, { flags: 0x2002 }), /shared library/],
    ["an object of Windows", pe(0x8664, { flags: 0 }), /object file/],
    ["for DOS", pe(0x8664).fill(0, 0x80, 0x84), /DOS/],
    ["a script of Windows", Buffer.from("#!/bin/sh\r\necho\r\n"), /ends in CR LF/],
    ["a script behind a byte order mark", Buffer.from("\ufeff#!/bin/sh\n"), /byte order mark/],
    ["a script of nothing", Buffer.from("#!  \n"), /names no interpreter/],
    ["a script of a relative interpreter", Buffer.from("#!python3\n"), /no absolute path/],
    ["a script with an endless line", Buffer.from(`#!/bin/sh ${"x".repeat(300)}\n`), /over 256 bytes/],
  ])("that is %s is refused with the reason", (_what, bytes, reason) => {
    expect(reasonOf(bytes)).toMatch(reason);
  });

  it("never throws, and is never taken for a platform without one, whatever its bytes are", () => {
    const random = createRandom(7);
    const seeds = [
      elf({ machine: 62 }),
      elf({ machine: 40, is64: false }),
      machO(0x01000007),
      universal([0x01000007, 0x0100000c]),
      universal([7], { is64: true }),
      pe(0x8664),
      Buffer.from("#!/usr/bin/env node\n"),
    ] as const;
    const runs = process.env.NARUN_FUZZ_LONG === undefined ? 20_000 : 300_000;
    for (let run = 0; run < runs; run++) {
      const bytes = Buffer.from(random.pick(seeds));
      for (let change = random.between(1, 6); change > 0; change--) {
        bytes[random.between(0, bytes.byteLength - 1)] = random.between(0, 255);
      }
      const head = bytes.subarray(0, random.between(0, bytes.byteLength));
      const reading = readExecutable(head, random.between(head.byteLength, 2 ** 40));
      if (!reading.ok) expect(reading.reason).not.toBe("");
      else if (reading.file.kind === "native") expect(reading.file.platforms.length).toBeGreaterThan(0);
      else expect(reading.file.interpreter).toMatch(/^\//);
    }
  });
});
