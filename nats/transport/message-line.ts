/**
 * The line of a message in NATS' protocol: `MSG subject sid [reply] size`, `HMSG subject sid [reply] header-size size`. One
 * object reads them all: places are relative to the line's beginning.
 */

const SPACE = 32;
const CR = 13;
const DIGIT_0 = 48;

export class MessageLine {
  sid = 0;
  /** Bytes of the header block and the payload. */
  size = 0;
  /** 0 where the message has no header block. */
  headerSize = 0;
  subjectFrom = 0;
  subjectTo = 0;
  /** Empty where the message has no reply subject. */
  replyFrom = 0;
  replyTo = 0;
  /** The beginning of the header block, or of the payload. */
  end = 0;

  /** Reads the line at `at`; returns the place behind it, -1 where it is not complete. */
  read(bytes: Uint8Array, at: number, isHeaded: boolean): number {
    const subjectFrom = at + (isHeaded ? 5 : 4);
    const subjectTo = nextOf(bytes, SPACE, subjectFrom);
    if (subjectTo === -1) return -1;
    const sidTo = nextOf(bytes, SPACE, subjectTo + 1);
    if (sidTo === -1) return -1;
    const lineTo = nextOf(bytes, CR, sidTo + 1);
    // The line feed belongs to the line, too.
    if (lineTo === -1 || lineTo + 1 >= bytes.byteLength) return -1;
    const sizeFrom = wordBefore(bytes, lineTo);
    const numbersFrom = isHeaded ? wordBefore(bytes, sizeFrom - 1) : sizeFrom;
    this.sid = numberIn(bytes, subjectTo + 1, sidTo);
    this.size = numberIn(bytes, sizeFrom, lineTo);
    this.headerSize = isHeaded ? numberIn(bytes, numbersFrom, sizeFrom - 1) : 0;
    this.subjectFrom = subjectFrom - at;
    this.subjectTo = subjectTo - at;
    this.replyFrom = sidTo + 1 - at;
    this.replyTo = Math.max(this.replyFrom, numbersFrom - 1 - at);
    this.end = lineTo + 2 - at;
    return lineTo + 2;
  }

  copy(): MessageLine {
    return Object.assign(new MessageLine(), this);
  }
}

function nextOf(bytes: Uint8Array, byte: number, from: number): number {
  for (let at = from; at < bytes.byteLength; at++) if (bytes[at] === byte) return at;
  return -1;
}

/** The beginning of the word that ends before `to`. */
function wordBefore(bytes: Uint8Array, to: number): number {
  let at = to;
  while (at > 0 && bytes[at - 1] !== SPACE) at -= 1;
  return at;
}

function numberIn(bytes: Uint8Array, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) number = number * 10 + ((bytes[at] ?? DIGIT_0) - DIGIT_0);
  return number;
}
