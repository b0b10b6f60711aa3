/** Base64 in the two alphabets of RFC 4648, padded or not, as gRPC, gRPC-Web and Connect mix them. */

export function encodeBase64(bytes: Uint8Array): string {
  return (bytes as Uint8Array & { toBase64(): string }).toBase64();
}

/** Undefined for a text that is no base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  const standard = text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, "");
  try {
    return (Uint8Array as unknown as { fromBase64(text: string): Uint8Array<ArrayBuffer> }).fromBase64(
      standard,
    );
  } catch {
    return undefined;
  }
}

/** Texts of base64 behind each other, each with padding of its own: the bodies of gRPC-Web in text. */
export function decodeBase64Groups(text: string): Uint8Array<ArrayBuffer> | undefined {
  const groups = text.replace(/\s/g, "").match(/[^=]+=*/g) ?? [];
  const parts = groups.map(decodeBase64);
  if (parts.some((part) => part === undefined)) return undefined;
  return concat(parts as Uint8Array<ArrayBuffer>[]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, { byteLength }) => bytes + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
