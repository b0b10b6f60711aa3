/** The number of a request, as the subject of its replies ends with it: in base 36. */

const BASE = 36;
const DIGIT_0 = 48;
const LETTER_A = 97;

export function formatNumber(number: number): string {
  return number.toString(BASE);
}

/**
 * The number at a place of a text; NaN for anything that `formatNumber` does not write. Foreign clients choose their own
 * subjects, and may send to the inbox.
 */
export function numberIn(text: string, from: number, to: number): number {
  const isPadded = to - from > 1 && text.charCodeAt(from) === DIGIT_0;
  let number = from < to && !isPadded ? 0 : Number.NaN;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    const digit = code >= LETTER_A ? code - LETTER_A + 10 : code - DIGIT_0;
    const isDigit = code >= LETTER_A ? digit < BASE : digit >= 0 && digit < 10;
    number = isDigit ? number * BASE + digit : Number.NaN;
  }
  return number;
}
