/**
 * Finds a run of bytes by Horspool's algorithm: for a needle of 40 bytes it reads one byte in 40, and bodies are large. The
 * returned function gives the index at or after `from`, or -1.
 */
export function createByteSearch(needle: Uint8Array): (haystack: Uint8Array, from: number) => number {
  const last = needle.byteLength - 1;
  /** How far the needle moves, by the byte under its end. */
  const skips = new Uint32Array(256).fill(needle.byteLength);
  for (let index = 0; index < last; index += 1) skips[needle[index] as number] = last - index;
  return (haystack, from) => {
    let at = from;
    while (at + last < haystack.byteLength) {
      const byte = haystack[at + last] as number;
      if (byte === needle[last] && matches(haystack, at, needle, last)) return at;
      at += skips[byte] as number;
    }
    return -1;
  };
}

function matches(haystack: Uint8Array, at: number, needle: Uint8Array, count: number): boolean {
  for (let index = 0; index < count; index += 1) if (haystack[at + index] !== needle[index]) return false;
  return true;
}
