/**
 * The host's side of an isolate's CompressionStreams and DecompressionStreams: coders of zlib, each advanced step by step.
 *
 * I1  A coder works only within a step, which takes and gives a bounded number of bytes. The rest of the output stays compressed
 *     until the next step, so that a decompression bomb fills no memory here.
 * I2  A coder does one step at a time, in the isolate's lane (lanes.ts): all functions of the host share zlib's threads. The
 *     request that asks for a step is charged with its CPU time.
 * I3  The coders of an isolate weigh at most `MAX_WEIGHT` together. A new coder beyond that replaces the coder that is idle for
 *     the longest time and whose request is over. Where there is none, the new coder is refused.
 * I4  A coder goes at its end, when it fails, and when the isolate closes it or leaves amid a step.
 */
import type { Transform } from "node:stream";
import {
  constants,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
} from "node:zlib";
import { messageOf } from "../../../contracts/index.ts";
import type { Data } from "../../../web/index.ts";
import { type Measure, unmeasured } from "../process/cpu-meter.ts";
import { type CallContext, CallError, type HostOperations } from "../process/host-calls.ts";
import { type Lane, poolLanes } from "./lanes.ts";

/** Upper bound of a step's input. Messages of the platform are smaller (web/compression/coder.ts). */
const MAX_INPUT_BYTES = 256 * 1024;

/** Upper bound of a step's output, up to one chunk of zlib more. */
const OUTPUT_BYTES = 128 * 1024;

/** Upper bound of the weight of an isolate's coders. The unit is 300 KB, the most that a coder of deflate takes. */
const MAX_WEIGHT = 64;

/** The weight of a coder of brotli, whose window has up to 16 MB. */
const BROTLI_WEIGHT = 16;

const STRICT = { rejectGarbageAfterEnd: true };

/** Quality and window as servers use them for answers. With the defaults a megabyte would take a second. */
const brotli = () => ({
  params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 19 },
});

const FORMATS: Readonly<Record<string, { weight: number; create(): Transform }>> = {
  "compress:deflate": { weight: 1, create: () => createDeflate() },
  "compress:deflate-raw": { weight: 1, create: () => createDeflateRaw() },
  "compress:gzip": { weight: 1, create: () => createGzip() },
  "compress:brotli": { weight: BROTLI_WEIGHT, create: () => createBrotliCompress(brotli()) },
  "decompress:deflate": { weight: 1, create: () => createInflate(STRICT) },
  "decompress:deflate-raw": { weight: 1, create: () => createInflateRaw(STRICT) },
  "decompress:gzip": { weight: 1, create: () => createGunzip(STRICT) },
  "decompress:brotli": { weight: BROTLI_WEIGHT, create: () => createBrotliDecompress(STRICT) },
};

interface Coder {
  readonly steps: Steps;
  readonly weight: number;
  /** The context of the step that opened the coder. */
  readonly context: CallContext;
  isRunning: boolean;
}

export interface CompressionOptions {
  /** Default: a lane of its own. */
  lane?: Lane;
  /** Charges requests with the CPU time. Default: nothing is charged. */
  measure?: Measure | undefined;
}

export function createCompressionOperations({
  lane = poolLanes.open(),
  measure = unmeasured,
}: CompressionOptions = {}): HostOperations {
  /** The coder that is idle for the longest time comes first. */
  const coders = new Map<number, Coder>();

  const close = (id: number) => {
    coders.get(id)?.steps.close();
    coders.delete(id);
  };

  const open = (kind: string, context: CallContext): Coder => {
    const format = Object.hasOwn(FORMATS, kind) ? FORMATS[kind] : undefined;
    if (format === undefined) throw new CallError("TypeError", "there is no such format");
    let weight = format.weight;
    for (const coder of coders.values()) weight += coder.weight;
    for (const [other, coder] of coders) {
      if (weight <= MAX_WEIGHT) break;
      if (coder.isRunning || coder.context.request !== undefined) continue;
      weight -= coder.weight;
      close(other);
    }
    if (weight > MAX_WEIGHT)
      throw new CallError("QuotaExceededError", "too many compression streams are open at the same time");
    return { steps: createSteps(format.create()), weight: format.weight, context, isRunning: false };
  };

  const step = async (
    id: number,
    coder: Coder,
    { owner, signal }: CallContext,
    input: Uint8Array,
    isLast: boolean,
  ): Promise<Data> => {
    try {
      const result = await lane.run(() => {
        if (!coders.has(id)) throw closed();
        return measure(owner, "pool", () => coder.steps.run(input, isLast));
      }, signal);
      if (isLast && !result.isMore) close(id);
      return { output: result.output, isMore: result.isMore };
    } catch (error) {
      close(id);
      if (error instanceof CallError) throw error;
      if (signal.aborted) throw closed();
      throw new CallError("TypeError", `The compressed data is not valid: ${messageOf(error)}`);
    }
  };

  return {
    /** (coder's id, input, whether it is the last one, for the first step the format) → { output, isMore } */
    "compression.step": async ([id, input, isLast, kind], context) => {
      if (typeof id !== "number" || !(input instanceof ArrayBuffer) || input.byteLength > MAX_INPUT_BYTES)
        throw new CallError("TypeError", "these are not the arguments of a step");
      if (typeof kind === "string" && coders.has(id))
        throw new CallError("TypeError", "the stream is open already");
      const coder = typeof kind === "string" ? open(kind, context) : coders.get(id);
      if (coder === undefined)
        throw new CallError("AbortError", "the stream is not open: it had ended, or gave way to others");
      if (coder.isRunning) throw new CallError("TypeError", "the stream is amid a step");
      coder.isRunning = true;
      // The coder that was used last comes last.
      coders.delete(id);
      coders.set(id, coder);
      const leave = () => close(id);
      context.signal.addEventListener("abort", leave);
      try {
        return await step(id, coder, context, new Uint8Array(input), isLast === true);
      } finally {
        context.signal.removeEventListener("abort", leave);
        coder.isRunning = false;
      }
    },
    "compression.close": ([id]) => {
      close(Number(id));
      return undefined;
    },
  };
}

const closed = () => new CallError("AbortError", "the stream was closed");

interface Steps {
  /** Rejects where the input is malformed, truncated or goes on after its end. Output before the fault comes first. */
  run(input: Uint8Array, isLast: boolean): Promise<{ output: ArrayBuffer; isMore: boolean }>;
  close(): void;
}

/** A stream of zlib that pauses between steps. */
function createSteps(engine: Transform): Steps {
  let output: Buffer[] = [];
  let bytes = 0;
  let failure: Error | undefined;
  let isUsedUp = true;
  let isEnding = false;
  let isOver = false;
  let wake: () => void = () => undefined;

  engine.on("data", (chunk: Buffer) => {
    output.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= OUTPUT_BYTES) engine.pause();
    wake();
  });
  engine.on("error", (error) => {
    failure = error;
    wake();
  });
  engine.on("close", () => {
    isOver = true;
    wake();
  });

  const isDone = () =>
    isOver || failure !== undefined || (isUsedUp && !isEnding && engine.readableLength === 0);

  return {
    async run(input, isLast) {
      if (input.byteLength > 0 && !isOver) {
        isUsedUp = false;
        engine.write(input, () => {
          isUsedUp = true;
          wake();
        });
      }
      if (isLast && !isEnding) {
        isEnding = true;
        engine.end();
      }
      engine.resume();
      while (!isDone() && bytes < OUTPUT_BYTES) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (bytes === 0 && failure !== undefined) throw failure;
      const given = Buffer.concat(output);
      output = [];
      bytes = 0;
      return { output: new Uint8Array(given).buffer, isMore: !isDone() || failure !== undefined };
    },
    close: () => void engine.destroy(),
  };
}
