/**
 * Credit: how many bytes a sender may have under way to its receiver.
 *
 * I1  A gate passes nothing on without credit, and no more bytes than it has. Only the overhead of the last part may
 *     be over the credit; the next part waits until that is paid back.
 * I2  A gate passes pieces on in the order in which they were written.
 * I3  A window grants its size once, and then only bytes that its reader has consumed.
 */

/** How many bytes a sender may have under way by default: a body, messages of a WebSocket. */
export const WINDOW_BYTES = 256 * 1024;

/** How many bytes of a response a host may have under way to a gateway or a caller: a fast reader on a long way. */
export const RESPONSE_WINDOW_BYTES = 1024 * 1024;

/** Upper bound of the bytes that wait for credit before their source is paused. */
export const MAX_WAITING_BYTES = 64 * 1024;

/** The receiving side of a credit: counts consumed bytes, and grants them again in halves of the window. */
export class CreditWindow {
  readonly #windowBytes: number;
  readonly #grant: (bytes: number) => void;
  #available = 0;
  #owed = 0;

  /** `grant` tells the sender that it may send so many more bytes. */
  constructor(windowBytes: number, grant: (bytes: number) => void) {
    this.#windowBytes = windowBytes;
    this.#grant = grant;
  }

  /** Granted and not received yet. Negative where the last message cost more than was left. */
  get available(): number {
    return this.#available;
  }

  /** Consumed and not granted again yet. */
  get owed(): number {
    return this.#owed;
  }

  /** Grants the whole window: the sender begins. */
  open(): void {
    this.grant(this.#windowBytes);
  }

  grant(bytes: number): void {
    this.#available += bytes;
    this.#grant(bytes);
  }

  /** Bytes came. */
  received(bytes: number): void {
    this.#available -= bytes;
  }

  /** Bytes were consumed. They are granted again by `settle` or `repay`. */
  owe(bytes: number): void {
    this.#owed += bytes;
  }

  /** Grants the consumed bytes when they are half of the window: a grant for every chunk would double the traffic. */
  settle(): void {
    if (this.#owed >= this.#windowBytes / 2) this.repay(this.#owed);
  }

  /** Grants so many of the consumed bytes now. */
  repay(bytes: number): void {
    this.#owed -= bytes;
    this.grant(bytes);
  }

  /** Bytes were consumed, and there is room for as many more. */
  consumed(bytes: number): void {
    this.#owed += bytes;
    this.settle();
  }
}

/** Bytes that wait for credit. */
export interface Piece {
  /** The gate puts the rest in its place when a part has left. */
  bytes: Uint8Array;
  /** The cost of each part beside its bytes. */
  readonly overheadBytes: number;
}

/** The sending side of a credit: pieces wait until there is credit for them, and leave in parts where there is little. */
export class CreditGate<P extends Piece> {
  readonly #maxPartBytes: number;
  readonly #pass: (piece: P, part: Uint8Array, isLast: boolean) => void;
  readonly #waiting: P[] = [];
  #waitingBytes = 0;
  #credit = 0;

  /** `pass` sends a part of a piece, of `maxPartBytes` at most. */
  constructor(maxPartBytes: number, pass: (piece: P, part: Uint8Array, isLast: boolean) => void) {
    this.#maxPartBytes = maxPartBytes;
    this.#pass = pass;
  }

  /** The cost of the pieces that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Nothing waits, and there is credit: the next piece leaves at once. */
  get isOpen(): boolean {
    return this.#credit > 0 && this.#waiting.length === 0;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Sends a piece, or keeps it until there is credit. */
  write(piece: P): void {
    const { bytes, overheadBytes } = piece;
    const size = bytes.byteLength;
    // Most pieces need not wait.
    if (this.isOpen && size <= this.#credit && size <= this.#maxPartBytes) {
      this.#credit -= size + overheadBytes;
      this.#pass(piece, bytes, true);
      return;
    }
    this.#waiting.push(piece);
    this.#waitingBytes += piece.bytes.byteLength + piece.overheadBytes;
    this.#passOn();
  }

  /** The receiver has room for so many more bytes. */
  grant(bytes: number): void {
    this.#credit += bytes;
    this.#passOn();
  }

  /** Drops the pieces that wait. */
  clear(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  /** Counts each part before it is passed on: `pass` may write to the gate, and may clear it. */
  #passOn(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#credit > 0; first = this.#waiting[0]) {
      const { bytes, overheadBytes } = first;
      const size = Math.min(bytes.byteLength, this.#credit, this.#maxPartBytes);
      const isLast = size === bytes.byteLength;
      if (isLast) this.#waiting.shift();
      else first.bytes = bytes.subarray(size);
      this.#credit -= size + overheadBytes;
      this.#waitingBytes -= size + (isLast ? overheadBytes : 0);
      this.#pass(first, isLast ? bytes : bytes.subarray(0, size), isLast);
    }
  }
}
