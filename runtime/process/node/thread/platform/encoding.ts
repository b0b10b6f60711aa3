/** UTF-8 by Node's own coders, in place of web/encoding/encoding.ts. */
const decoder = new TextDecoder();
const encoder = new TextEncoder();

export const decodeUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);
export const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);
