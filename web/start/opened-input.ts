/**
 * The sealed input of the request that began last, as the host has opened it (runtime/isolate/process/sealed-input.ts).
 *
 * I1  It is given for the same request, text, place and label alone. The code asks the host for any other.
 */
import { currentOwner } from "./owner.ts";

interface OpenedInput {
  label: string;
  place: string;
  text: string;
}

let last: { owner: number; sealed: unknown; opened: OpenedInput } | undefined;

/** Notes the input of a request, and forgets that of the request before. `opened`: undefined for a request without one. */
export function noteOpened(owner: number, sealed: unknown, opened: unknown): void {
  last = opened === undefined ? undefined : { owner, sealed, opened: opened as OpenedInput };
}

/** The text of the running request's input. Undefined: the host has to open it. */
export function takeOpened(label: string | undefined, place: string, sealed: string): string | undefined {
  const noted = last;
  if (noted === undefined || noted.owner !== currentOwner() || noted.sealed !== sealed) return undefined;
  const { opened } = noted;
  if (opened.place !== place || (label !== undefined && label !== opened.label)) return undefined;
  last = undefined;
  return opened.text;
}
