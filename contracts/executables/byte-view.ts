import { FormatFault } from "./format-fault.ts";

/** Numbers out of the first bytes of a file. Error: FormatFault, where the bytes end before. */
export class ByteView {
  readonly #view: DataView;
  readonly #isLittle: boolean;
  readonly #format: string;

  constructor(bytes: Uint8Array, { format, isLittle }: { format: string; isLittle: boolean }) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#isLittle = isLittle;
    this.#format = format;
  }

  byte(at: number): number {
    this.#require(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.#require(at, 2);
    return this.#view.getUint16(at, this.#isLittle);
  }

  u32(at: number): number {
    this.#require(at, 4);
    return this.#view.getUint32(at, this.#isLittle);
  }

  /** Numbers over 2^53 lose digits. They are compared with the sizes of files only. */
  u64(at: number): number {
    this.#require(at, 8);
    return Number(this.#view.getBigUint64(at, this.#isLittle));
  }

  #require(at: number, count: number): void {
    if (at + count <= this.#view.byteLength) return;
    throw new FormatFault(
      `the file is cut off: it begins as ${this.#format}, and its header is not complete`,
    );
  }
}
