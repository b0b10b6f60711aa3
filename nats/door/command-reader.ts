/**
 * Cuts the bytes of one side of a NATS connection into commands (the client protocol of NATS, both directions).
 *
 * I1  A command is handed over when all of it has come, in the order of the bytes.
 * I2  Memory is bounded: a line and a payload over their bounds are a fault, before they are kept.
 */

/** One command: its line, and its payload where it has one. A character of the line is a byte. */
export interface Command {
  /** In capitals. */
  verb: string;
  /** The words behind the verb. */
  words: string[];
  /** Without its line end. */
  line: string;
  payload: Buffer | undefined;
}

/** The bytes are no commands of NATS. */
export class CommandFault extends Error {}

export interface CommandReaderOptions {
  onCommand(command: Command): void;
  /** Upper bound of a payload. */
  maxPayload(): number;
}

/** A command whose payload has come in part. `bytes` has room for it and its line end. */
interface Begun {
  command: Command;
  bytes: Buffer;
  filled: number;
}

/** Verbs whose last word is the size of the payload that follows. */
const WITH_PAYLOAD = new Set(["PUB", "HPUB", "MSG", "HMSG"]);
/** Upper bound of a line: `INFO` and `CONNECT` are the longest. */
const MAX_LINE_BYTES = 64 * 1024;
const CRLF_BYTES = 2;
const LF = 10;

export class CommandReader {
  readonly #options: CommandReaderOptions;
  /** The beginning of a line. */
  #rest: Buffer | undefined;
  #begun: Begun | undefined;

  constructor(options: CommandReaderOptions) {
    this.#options = options;
  }

  /** Throws a CommandFault. */
  feed(chunk: Buffer): void {
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    while (bytes.byteLength > 0) {
      const taken = this.#begun === undefined ? this.#readLine(bytes) : this.#fill(this.#begun, bytes);
      if (taken === 0) {
        if (bytes.byteLength > MAX_LINE_BYTES) throw new CommandFault("a line is too long");
        this.#rest = Buffer.from(bytes);
        return;
      }
      bytes = bytes.subarray(taken);
    }
  }

  /** Returns how many bytes were used. */
  #readLine(bytes: Buffer): number {
    const lineEnd = bytes.indexOf(LF);
    if (lineEnd === -1) return 0;
    if (lineEnd > MAX_LINE_BYTES) throw new CommandFault("a line is too long");
    const line = bytes.toString("latin1", 0, lineEnd).replace(/\r$/, "");
    const [verb = "", ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
    const command: Command = { verb: verb.toUpperCase(), words, line, payload: undefined };
    if (!WITH_PAYLOAD.has(command.verb)) {
      if (command.verb !== "") this.#options.onCommand(command);
      return lineEnd + 1;
    }
    const size = Number(words.at(-1));
    if (!Number.isSafeInteger(size) || size < 0) throw new CommandFault(`${command.verb} has no size`);
    if (size > this.#options.maxPayload()) throw new CommandFault("Maximum Payload Violation");
    this.#begun = { command, bytes: Buffer.allocUnsafe(size + CRLF_BYTES), filled: 0 };
    return lineEnd + 1;
  }

  #fill(begun: Begun, bytes: Buffer): number {
    const taken = bytes.copy(begun.bytes, begun.filled);
    begun.filled += taken;
    if (begun.filled === begun.bytes.byteLength) {
      this.#begun = undefined;
      begun.command.payload = begun.bytes.subarray(0, begun.bytes.byteLength - CRLF_BYTES);
      this.#options.onCommand(begun.command);
    }
    return taken;
  }
}

/** The bytes of a command. */
export function writeCommand(line: string, payload?: Uint8Array): Buffer {
  const head = Buffer.from(`${line}\r\n`, "latin1");
  return payload === undefined ? head : Buffer.concat([head, payload, LINE_END]);
}

const LINE_END = Buffer.from("\r\n");
