/** Numbers and strings of Binary HTTP: integers of variable length (RFC 9000, section 16), and bytes behind their length. */

/** The bytes are no message of Binary HTTP. `decodeBhttp…` turns it into a result. */
export class InvalidBhttp extends Error {}

/** Reads a message, or a section of one, from its beginning to its end. */
export class BhttpReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** An integer of 1, 2, 4 or 8 bytes. */
  integer(): number {
    const first = this.#bytes[this.#at];
    if (first === undefined) throw new InvalidBhttp("it ends where a number belongs");
    const bytes = this.#take(1 << (first >> 6));
    let value = BigInt(first & 0x3f);
    for (const byte of bytes.subarray(1)) value = (value << 8n) | BigInt(byte);
    if (value > Number.MAX_SAFE_INTEGER) throw new InvalidBhttp("it has a length beyond every message");
    return Number(value);
  }

  /** Bytes behind their length. They share the message's memory. */
  bytes(): Buffer {
    return this.#take(this.integer());
  }

  /** Pieces behind their lengths, up to an empty one, as one. */
  pieces(): Buffer {
    const whole = Buffer.allocUnsafe(this.#bytes.length - this.#at);
    let length = 0;
    for (let piece = this.bytes(); piece.length > 0; piece = this.bytes())
      length += piece.copy(whole, length);
    return whole.subarray(0, length);
  }

  /** Text behind its length, one character a byte. `maxBytes`: the text may not be longer. */
  text(name: string, maxBytes: number): string {
    const length = this.integer();
    if (length > maxBytes) throw new InvalidBhttp(`its ${name} has ${length} bytes; ${maxBytes} is the most`);
    return this.#take(length).toString("latin1");
  }

  /** Reads the rest, which is padding: zeros. */
  padding(): void {
    const rest = this.#take(this.#bytes.length - this.#at);
    if (rest.some((byte) => byte !== 0)) throw new InvalidBhttp("bytes follow its end");
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new InvalidBhttp("it is cut off");
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }
}

/** Upper bounds of the integers of one, two and four bytes. */
const MAX_IN_1 = 0x3f;
const MAX_IN_2 = 0x3fff;
const MAX_IN_4 = 0x3fff_ffff;

/** Collects the pieces of a message. */
export class BhttpWriter {
  readonly #pieces: Uint8Array[] = [];

  integer(value: number): this {
    this.#pieces.push(integerBytes(value));
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#pieces.push(integerBytes(bytes.byteLength), bytes);
    return this;
  }

  /** `text`: one character a byte. */
  text(text: string): this {
    return this.bytes(Buffer.from(text, "latin1"));
  }

  concat(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

function integerBytes(value: number): Buffer {
  if (value <= MAX_IN_1) return Buffer.of(value);
  if (value <= MAX_IN_2) return Buffer.of(0x40 | (value >> 8), value & 0xff);
  const bytes = Buffer.alloc(value <= MAX_IN_4 ? 4 : 8);
  if (value <= MAX_IN_4) bytes.writeUInt32BE(0x8000_0000 + value);
  else bytes.writeBigUInt64BE(0xc000_0000_0000_0000n | BigInt(value));
  return bytes;
}
