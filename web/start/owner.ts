/**
 * On whose behalf the isolate runs: the id of a request, or 0.
 *
 * An isolate has no async context, and needs none: every entry (a request, a timer, the result of a call, a chunk) has
 * one owner, and all that it runs, microtasks included, is over before the next entry. Whatever an entry starts belongs to
 * the entry's owner. Only where one request's code settles a promise that another's awaits does the rest of the latter's
 * stretch count as the former's.
 */
let owner = 0;

export const currentOwner = (): number => owner;

/** Says whose the entry is that begins now. */
export function setOwner(id: number): void {
  owner = id;
}
