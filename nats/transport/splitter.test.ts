import { describe, expect, it } from "vitest";
import { OWNED } from "./read-buffers.ts";
import { Splitter, type Taker } from "./splitter.ts";

/** Numbers from 0 to 1, the same ones for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function message(subject: string, header: string, payload: Buffer, numbers = "7"): Buffer {
  const sizes = header === "" ? payload.byteLength : `${header.length} ${header.length + payload.byteLength}`;
  const line = `${header === "" ? "MSG" : "HMSG"} ${subject} ${numbers} ${sizes}\r\n`;
  return Buffer.concat([Buffer.from(line + header, "latin1"), payload, Buffer.from("\r\n")]);
}

const dataFrame = (subject: string, seq: number, payload: Buffer) =>
  message(subject, `NATS/1.0\r\nNarun-Frame: data ${seq}\r\n\r\n`, payload);

/** Feeds a server's bytes, in pieces that are overwritten afterwards; `cut` says how large the next one is. */
function split(sent: Buffer, cut: () => number, isWanted = (_seq: number) => true) {
  const passed: Buffer[] = [];
  const frames = new Map<string, Buffer[]>();
  const taken: string[][] = [];
  const takerOf = (sid: number): Taker | undefined => {
    if (sid < 100) return undefined;
    return (head, { subjectFrom, subjectTo, replyFrom, replyTo, end }, data) => {
      const texts = [head.slice(subjectFrom, subjectTo), head.slice(replyFrom, replyTo), head.slice(end)];
      taken.push([String(sid), ...texts, Buffer.from(data).toString()]);
    };
  };
  const splitter = new Splitter({
    takerOf,
    sinkOf(subject) {
      if (!subject.startsWith("stream.")) return undefined;
      return {
        beginData(seq) {
          const own = frames.get(subject) ?? [];
          frames.set(subject, own);
          expect(seq).toBe(own.length);
          own.push(Buffer.alloc(0));
          return isWanted(seq);
        },
        data(bytes) {
          const own = frames.get(subject) ?? [];
          own.push(Buffer.concat([own.pop() ?? Buffer.alloc(0), bytes]));
        },
      };
    },
    pass: (bytes) => passed.push(bytes as Buffer),
  });
  for (let at = 0; at < sent.byteLength; ) {
    const read = Buffer.from(sent.subarray(at, at + cut()));
    at += read.byteLength;
    splitter.feed(read, OWNED);
    read.fill(0x21);
  }
  return { passed: Buffer.concat(passed), frames, taken };
}

describe("the splitter", () => {
  it("takes messages and the data frames of known streams out, whatever else comes and wherever it is cut", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = randomFrom(seed);
      const sent: Buffer[] = [];
      const others: Buffer[] = [];
      const expected = new Map<string, Buffer[]>();
      const expectedMessages: string[][] = [];
      const add = (other: Buffer) => {
        sent.push(other);
        others.push(other);
      };
      for (let at = 0; at < 40; at++) {
        // Payloads that look like the protocol must not be taken for it.
        const text = `\r\nHMSG stream.1 7 30 40\r\nNATS/1.0\r\nNarun-Frame: data 0\r\n\r\n`;
        const payload = Buffer.from(
          text.repeat(Math.ceil(random() * 40)).slice(0, Math.floor(random() * 2_000)),
        );
        const kind = Math.floor(random() * 8);
        if (kind === 0) add(Buffer.from(random() < 0.5 ? "PING\r\n" : "+OK\r\n"));
        else if (kind === 1) add(message("stream.1", "", payload));
        else if (kind === 2) add(message("stream.1", "NATS/1.0\r\nNarun-Frame: end 3\r\n\r\n", payload));
        else if (kind === 3) add(dataFrame("unknown", 3, payload));
        else if (kind >= 6) {
          const sid = String(100 + Math.floor(random() * 1_000));
          const reply = random() < 0.5 ? "" : `_INBOX.${"r".repeat(random() * 30)}.${at}`;
          const header = kind === 6 ? "" : `NATS/1.0\r\nA: ${"b".repeat(random() * 300)}\r\n\r\n`;
          const subject = `subject.${at}`;
          sent.push(message(subject, header, payload, reply === "" ? sid : `${sid} ${reply}`));
          expectedMessages.push([sid, subject, reply, header, String(payload)]);
        } else {
          const subject = `stream.${Math.floor(random() * 3)}`;
          const own = expected.get(subject) ?? [];
          sent.push(dataFrame(subject, own.length, payload));
          expected.set(subject, [...own, payload]);
        }
      }
      const most = 1 + Math.floor(random() * 3_000);
      const { passed, frames, taken } = split(Buffer.concat(sent), () => 1 + Math.floor(random() * most));
      expect(taken).toEqual(expectedMessages);
      expect(passed.equals(Buffer.concat(others))).toBe(true);
      expect([...frames.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [subject, payloads] of expected)
        expect(Buffer.concat(frames.get(subject) ?? []).equals(Buffer.concat(payloads))).toBe(true);
    }
  });

  it("drops a frame that is not wanted, and goes on behind it", () => {
    const sent = [0, 1, 2].map((seq) => dataFrame("stream.0", seq, Buffer.from(`frame ${seq}`)));
    const { passed, frames } = split(
      Buffer.concat([...sent, Buffer.from("PING\r\n")]),
      () => 10,
      (seq) => seq !== 1,
    );
    expect(frames.get("stream.0")?.map(String)).toEqual(["frame 0", "", "frame 2"]);
    expect(String(passed)).toBe("PING\r\n");
  });

  it("leaves a data frame with further header fields to the library", () => {
    const sent = message("stream.0", "NATS/1.0\r\nNarun-Frame: data 0\r\nA: b\r\n\r\n", Buffer.from("x"));
    const { passed, frames } = split(sent, () => 9);
    expect(passed.equals(sent)).toBe(true);
    expect(frames.size).toBe(0);
  });

  it("makes no difference between the places of one cut, or of all", () => {
    const header = "NATS/1.0 503\r\nA: b\r\n\r\n";
    const sent = Buffer.concat([
      Buffer.from("+OK\r\n"),
      message("a", header, Buffer.from("first"), "100 reply.to"),
      dataFrame("stream.0", 0, Buffer.from("frame")),
      message("lost", "", Buffer.from("for the library")),
      message("b.c", "", Buffer.alloc(0), "123456"),
      message("d", header, Buffer.alloc(0), "101"),
      Buffer.from("PING\r\n"),
    ]);
    const shown = (cut: () => number) => {
      const { passed, frames, taken } = split(sent, cut);
      return { passed: String(passed), frame: String(frames.get("stream.0")?.[0]), taken };
    };
    const whole = shown(() => sent.byteLength);
    expect(whole).toEqual({
      passed: `+OK\r\n${message("lost", "", Buffer.from("for the library"))}PING\r\n`,
      frame: "frame",
      taken: [
        ["100", "a", "reply.to", header, "first"],
        ["123456", "b.c", "", "", ""],
        ["101", "d", "", header, ""],
      ],
    });
    for (let at = 1; at < sent.byteLength; at++) {
      let isFirst = true;
      const cut = () => {
        const size = isFirst ? at : sent.byteLength;
        isFirst = false;
        return size;
      };
      expect(shown(cut)).toEqual(whole);
    }
    expect(shown(() => 1)).toEqual(whole);
  });

  it("shows messages in the order of the server, between data frames, too", () => {
    const shown: string[] = [];
    const sink = {
      beginData: (seq: number) => shown.push(`frame ${seq}`) > 0,
      data: () => undefined,
    };
    const splitter = new Splitter({
      takerOf: (sid) => () => void shown.push(`message ${sid}`),
      sinkOf: () => sink,
      pass: (bytes) => void shown.push(String(bytes).trim()),
    });
    const nothing = Buffer.alloc(0);
    const sent = [
      message("a", "", nothing, "2"),
      dataFrame("s", 1, Buffer.from("x")),
      message("b", "", nothing, "1"),
      dataFrame("s", 2, nothing),
      message("a", "", nothing, "2"),
    ];
    splitter.feed(Buffer.concat(sent), OWNED);
    expect(shown).toEqual(["message 2", "frame 1", "message 1", "frame 2", "message 2"]);
  });
});
