/**
 * Calls to the host that leave together, as one text: a message for each costs the host as much as the rest of a short call.
 * A call is `id owner count length… `, then its name and its values behind one another. A length is one more than that of its text;
 * 0 is undefined.
 */

/** The text of a call; undefined where it has a value that is no text. */
export function joinCall(
  id: number,
  owner: number,
  name: string,
  values: readonly unknown[],
): string | undefined {
  let lengths = `${name.length + 1} `;
  let texts = name;
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (value === undefined) lengths += "0 ";
    else if (typeof value !== "string") return undefined;
    else {
      lengths += `${value.length + 1} `;
      texts += value;
    }
  }
  return `${id} ${owner} ${values.length} ${lengths}${texts}`;
}

export type TakeCall = (id: number, name: string, values: (string | undefined)[], owner: number) => void;

/** Calls `take` for each call of a text. A text that is none ends it. */
export function splitCalls(text: unknown, take: TakeCall): void {
  if (typeof text !== "string") return;
  let at = 0;
  /** Reads digits up to a space; NaN where there is something else. */
  const number = () => {
    let value = 0;
    for (let code = text.charCodeAt(at++); code !== SPACE; code = text.charCodeAt(at++)) {
      if (!(code >= ZERO && code <= NINE)) return Number.NaN;
      value = value * 10 + code - ZERO;
    }
    return value;
  };
  while (at < text.length) {
    const [id, owner, count] = [number(), number(), number()];
    if (!(count <= MAX_VALUES)) return;
    const lengths: number[] = [];
    while (lengths.length <= count) lengths.push(number());
    const values: (string | undefined)[] = [];
    for (const length of lengths) {
      // Also where it is no number.
      if (!(length <= text.length - at + 1)) return;
      values.push(length === 0 ? undefined : text.slice(at, at + length - 1));
      at += Math.max(0, length - 1);
    }
    take(id, values.shift() ?? "", values, owner);
  }
}

const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;

/** Upper bound of the values of a call. */
const MAX_VALUES = 16;
