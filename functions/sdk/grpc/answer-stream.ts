/**
 * The answers of a handler as a body.
 *
 * I1  The iterator is asked for a message when the reader wants bytes, and not before. A reader that leaves ends it.
 * I2  Messages that are ready at once share a chunk, so that a burst costs one crossing to the host. A message never waits for
 *     the next one.
 * I3  `end` writes the last bytes once: after the last message, or in place of a message that failed.
 */
import { concat } from "./base64.ts";

export interface AnswerForm {
  /** A message as bytes. */
  encode(value: unknown): Uint8Array | Promise<Uint8Array>;
  /** The bytes behind the messages, if any. `error`: the value that the handler threw. */
  end(error?: { thrown: unknown }): Uint8Array | undefined;
}

/** A chunk is sent as soon as it has this many bytes. */
const CHUNK_BYTES = 32 * 1_024;
/** How many turns of the microtask queue a message may take to count as ready. An async generator takes three. */
const READY_TURNS = 6;
/** How long the head of an answer waits for the handler's first message, which may still set metadata. */
const HEAD_WAIT_MS = 100;

type Step = { settled: boolean; result: Promise<IteratorResult<unknown>> };

export class AnswerStream {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #form: AnswerForm;
  #step: Step | undefined;
  #isOver = false;

  constructor(iterator: AsyncIterator<unknown>, form: AnswerForm) {
    this.#iterator = iterator;
    this.#form = form;
  }

  /** Waits for the handler's first message, but not for long. Error: the handler's, if it fails before its first message. */
  async first(): Promise<void> {
    const step = this.#begin();
    if (await isReady(step)) return void (await step.result);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, HEAD_WAIT_MS);
    });
    await Promise.race([step.result, waited]).finally(() => clearTimeout(timer));
  }

  body(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const chunk = await this.#chunk();
        if (chunk.byteLength > 0) controller.enqueue(chunk);
        if (this.#isOver) controller.close();
      },
      cancel: async () => {
        this.#isOver = true;
        await this.#iterator.return?.();
      },
    });
  }

  #begin(): Step {
    if (this.#step === undefined) {
      const step: Step = { settled: false, result: Promise.resolve(this.#iterator.next()) };
      const settle = () => {
        step.settled = true;
      };
      step.result.then(settle, settle);
      this.#step = step;
    }
    return this.#step;
  }

  async #chunk(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    try {
      while (bytes < CHUNK_BYTES) {
        const step = this.#begin();
        if (parts.length > 0 && !(await isReady(step))) break;
        const result = await step.result;
        this.#step = undefined;
        if (result.done === true) return this.#finish(parts, undefined);
        const part = await this.#form.encode(result.value);
        parts.push(part);
        bytes += part.byteLength;
      }
      return join(parts);
    } catch (thrown) {
      // The iterator may be whole, where its value is no message.
      Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
      return this.#finish(parts, { thrown });
    }
  }

  #finish(parts: Uint8Array[], error: { thrown: unknown } | undefined): Uint8Array {
    this.#isOver = true;
    const last = this.#form.end(error);
    return join(last === undefined ? parts : [...parts, last]);
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : concat(parts);
}

async function isReady(step: Step): Promise<boolean> {
  for (let turn = 0; turn < READY_TURNS && !step.settled; turn++) await undefined;
  return step.settled;
}

/** The iterator of a handler's answers. Error: TypeError, for a result that is no iterable. */
export function iteratorOf(result: unknown, path: string): AsyncIterator<unknown> {
  if (typeof result === "object" && result !== null) {
    if (Symbol.asyncIterator in result) return (result as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (Symbol.iterator in result) {
      const values = result as Iterable<unknown>;
      return (async function* () {
        yield* values;
      })();
    }
  }
  throw new TypeError(
    `the handler of ${path} gave no stream: write it as an async generator (\`async *name\`)`,
  );
}
