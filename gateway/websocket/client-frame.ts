/** Frames to a client (RFC 6455, section 5.2): without a mask, and without extensions. */

/** The kinds of frames that carry a message. */
export const Opcode = { continuation: 0, text: 1, binary: 2 } as const;

const FIN = 0x80;
/** The lengths from which a length has two bytes of its own, and eight. */
const MIN_LENGTH_16 = 126;
const MIN_LENGTH_64 = 0x1_0000;

/** A frame in memory of its own. */
export function formatClientFrame(opcode: number, payload: Uint8Array, isLast: boolean): Buffer {
  const { byteLength } = payload;
  const headBytes = byteLength < MIN_LENGTH_16 ? 2 : byteLength < MIN_LENGTH_64 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + byteLength);
  frame[0] = isLast ? FIN | opcode : opcode;
  if (headBytes === 2) frame[1] = byteLength;
  else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(byteLength, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(byteLength, 6);
  }
  frame.set(payload, headBytes);
  return frame;
}
