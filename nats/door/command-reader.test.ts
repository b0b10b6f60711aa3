import { describe, expect, it } from "vitest";
import { createRandom } from "../../test/soak/random.ts";
import { type Command, CommandFault, CommandReader, writeCommand } from "./command-reader.ts";

function read(chunks: readonly Buffer[], most = 1_000): Command[] {
  const found: Command[] = [];
  const reader = new CommandReader({ onCommand: (command) => found.push(command), maxPayload: () => most });
  for (const chunk of chunks) reader.feed(chunk);
  return found;
}

const stream = Buffer.concat([
  writeCommand('CONNECT {"verbose":false}'),
  writeCommand("ping"),
  writeCommand("SUB a.b q 1"),
  writeCommand("PUB a.b reply 5", Buffer.from("a\r\nb\n")),
  writeCommand("HPUB a.b 12 12", Buffer.from("NATS/1.0\r\n\r\n")),
  writeCommand("PUB empty 0", Buffer.alloc(0)),
  writeCommand("UNSUB 1"),
]);

describe("commands of NATS", () => {
  it("are read alike, wherever their bytes are cut", () => {
    const whole = read([stream]);
    expect(whole.map(({ verb, words, payload }) => [verb, words.length, payload?.toString()])).toEqual([
      ["CONNECT", 1, undefined],
      ["PING", 0, undefined],
      ["SUB", 3, undefined],
      ["PUB", 3, "a\r\nb\n"],
      ["HPUB", 3, "NATS/1.0\r\n\r\n"],
      ["PUB", 2, ""],
      ["UNSUB", 1, undefined],
    ]);
    const random = createRandom(3);
    for (let run = 0; run < 500; run++) {
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.byteLength; ) {
        const next = Math.min(stream.byteLength, at + random.between(1, 20));
        chunks.push(stream.subarray(at, next));
        at = next;
      }
      expect(read(chunks)).toEqual(whole);
    }
  });

  it.each([
    ["a payload over the bound", "PUB a 1001\r\n"],
    ["a payload without a size", "PUB a\r\n"],
    ["a payload of a negative size", "PUB a -1\r\n"],
    ["a payload of an endless size", "PUB a 1e999\r\n"],
    ["a line without an end", "x".repeat(70_000)],
  ])("are refused: %s", (_what, text) => {
    expect(() => read([Buffer.from(text)])).toThrow(CommandFault);
  });

  it("throw nothing but faults, whatever the bytes are", () => {
    const random = createRandom(11);
    const runs = process.env.NARUN_FUZZ_LONG === undefined ? 2_000 : 100_000;
    for (let run = 0; run < runs; run++) {
      const bytes = Buffer.from(stream);
      for (let change = random.between(1, 10); change > 0; change--)
        bytes[random.between(0, bytes.byteLength - 1)] = random.between(0, 255);
      try {
        read([bytes]);
      } catch (error) {
        expect(error).toBeInstanceOf(CommandFault);
      }
    }
  });
});
