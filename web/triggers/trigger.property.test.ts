import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeTriggerAnswer,
  encodeTrigger,
  type TriggerMessage,
  type Verdict,
} from "../../contracts/index.ts";
import { readTriggerBody } from "./body.ts";
import { Message, MessageBatch } from "./message.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const message: fc.Arbitrary<TriggerMessage> = fc.record({
  id: fc.string(),
  subject: fc.string(),
  timestamp: fc.nat(),
  attempts: fc.integer({ min: 1, max: 1_000 }),
  headers: fc.dictionary(fc.string(), fc.array(fc.string())),
  data: fc.uint8Array({ maxLength: 200 }),
});

describe("the body of a trigger's request", () => {
  it("is read as it was written, whatever the messages hold", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(message), (queue, messages) => {
        const body = encodeTrigger({ kind: "queue", queue, messages });
        const read = readTriggerBody(new Uint8Array(body), decode);
        expect(read.head.queue).toBe(queue);
        expect(read.messages).toEqual(
          messages.map(({ data, ...facts }) => ({
            head: { ...facts, bytes: data.byteLength },
            data: new Uint8Array(data),
          })),
        );
      }),
    );
  });
});

const DELAY = fc.option(fc.nat(), { nil: undefined });
const verdict: fc.Arbitrary<Verdict | undefined> = fc.oneof(
  fc.constant({ kind: "ack" as const }),
  fc.record({ kind: fc.constant("retry" as const), delaySeconds: DELAY }),
  fc.constant(undefined),
);

describe("the answer to a batch", () => {
  it("has the first verdict of each message, the batch's for the others, and that of the handler's end for the rest", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(verdict, { maxLength: 2 })),
        verdict,
        fc.boolean(),
        (verdicts, ofAll, threw) => {
          const messages = verdicts.map((_, at) => new Message(headOf(at), new Uint8Array(), decode));
          const batch = new MessageBatch("q", messages);
          for (const [at, each] of verdicts.entries())
            for (const one of each) say(one, messages[at], messages[at]);
          say(ofAll, { ack: () => batch.ackAll(), retry: (options) => batch.retryAll(options) });
          const text = JSON.stringify({
            verdicts: MessageBatch.verdictsOf(batch),
            ...(threw ? { error: { message: "it threw" } } : {}),
          });
          const fallback: Verdict = threw ? { kind: "retry", delaySeconds: undefined } : { kind: "ack" };
          expect(decodeTriggerAnswer(Buffer.from(text), messages.length)?.verdicts).toEqual(
            verdicts.map((each) => each.find((one) => one !== undefined) ?? ofAll ?? fallback),
          );
        },
      ),
    );
  });

  it("is refused where it is not of the form", () => {
    for (const text of ["", "[]", '{"verdicts":["ack","ack"]}', '{"verdicts":[1]}', '{"noRetry":"yes"}'])
      expect(decodeTriggerAnswer(Buffer.from(text), 1)).toBeUndefined();
    expect(decodeTriggerAnswer(Buffer.from("{}"), 1)).toEqual({
      error: undefined,
      noRetry: false,
      result: undefined,
      verdicts: [{ kind: "ack" }],
    });
  });
});

interface Said {
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

function say(verdict: Verdict | undefined, ...[to]: [Said | undefined, ...unknown[]]): void {
  if (verdict?.kind === "ack") to?.ack();
  if (verdict?.kind !== "retry") return;
  const { delaySeconds } = verdict;
  to?.retry(delaySeconds === undefined ? {} : { delaySeconds });
}

function headOf(at: number) {
  return { id: String(at), subject: "s", timestamp: 0, attempts: 1, headers: {}, bytes: 0 };
}

describe("a message's body", () => {
  const bodyOf = (data: Uint8Array<ArrayBuffer> | string, type?: string) =>
    new Message(
      { ...headOf(0), headers: type === undefined ? {} : { "Content-Type": [type] } },
      new Uint8Array(Buffer.from(data)),
      decode,
    ).body;

  it("follows its content type, and else its form", () => {
    expect(bodyOf('{"a":1}')).toEqual({ a: 1 });
    expect(bodyOf("plain")).toBe("plain");
    expect(bodyOf(new Uint8Array([255, 0]))).toEqual(new Uint8Array([255, 0]));
    expect(bodyOf("12", "text/plain")).toBe("12");
    expect(bodyOf("12", "application/vnd.x+json; charset=utf-8")).toBe(12);
    expect(bodyOf("12", "application/octet-stream")).toEqual(new Uint8Array([49, 50]));
    expect(() => bodyOf("{", "application/json")).toThrow(SyntaxError);
  });
});
