/**
 * Calls to the host that leave together, as one text: a message for each costs the host as much as the rest of a short call.
 * A call is `id owner count length… `, then its name and its values behind one another. The length -1 is undefined.
 */

/** The text of a call; undefined where it has a value that is no text. */
export function joinCall(
  id: number,
  owner: number,
  name: string,
  values: readonly unknown[],
): string | undefined {
  let lengths = `${name.length} `;
  let texts = name;
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (value === undefined) lengths += "-1 ";
    else if (typeof value !== "string") return undefined;
    else {
      lengths += `${value.length} `;
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
  const number = () => {
    const end = text.indexOf(" ", at);
    const value = end === -1 ? Number.NaN : Number(text.slice(at, end));
    at = end + 1;
    return value;
  };
  while (at < text.length) {
    const [id, owner, count] = [number(), number(), number()];
    if (!(count >= 0 && count <= MAX_VALUES)) return;
    const lengths = Array.from({ length: count + 1 }, number);
    if (!lengths.every((length) => Number.isSafeInteger(length) && length >= -1)) return;
    const [name = "", ...values] = lengths.map((length) => {
      if (length === -1) return undefined;
      at += length;
      return text.slice(at - length, at);
    });
    if (at > text.length) return;
    take(id, name, values, owner);
  }
}

/** Upper bound of the values of a call. */
const MAX_VALUES = 16;
