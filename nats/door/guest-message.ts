/** Messages between NATS and a program, as a node looks at them for traces. */

/** A message with headers. A character of `head` is a byte; it is empty where there are none. */
export interface GuestMessage {
  /** `NATS/1.0`, the lines, and the empty line at the end. */
  head: string;
  body: Uint8Array;
}

/** A request that belongs to a recorded trace, as the program gets it. */
export interface TracedGuest extends GuestMessage {
  /** Its answer, or why there is none: its connection ended, or its time is over. */
  over(answer: GuestMessage | "lost" | "late"): void;
}

/** Looks at a request with headers; undefined: it goes on as it is. */
export type TraceGuest = (request: GuestMessage) => TracedGuest | undefined;

/** The message of a command. */
export function guestMessageOf(payload: Buffer, headSize: number): GuestMessage {
  return { head: payload.toString("latin1", 0, headSize), body: payload.subarray(headSize) };
}

/** The payload of a message, and its two sizes as the words of its line. */
export function payloadOf({ head, body }: GuestMessage): { payload: Buffer; sizes: [string, string] } {
  const payload = Buffer.concat([Buffer.from(head, "latin1"), body]);
  return { payload, sizes: [String(payload.byteLength - body.byteLength), String(payload.byteLength)] };
}
