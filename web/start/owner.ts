/**
 * The owner of the running code: the id of a request, or 0.
 *
 * An isolate has no async context, and needs none: every entry (a request, a timer, the result of a call, a chunk) has one
 * owner, and all its code, microtasks included, ends before the next entry. All that an entry starts belongs to its owner.
 * Only if the code of one request settles a promise that another request awaits does the other's continuation count for the
 * first.
 */
let owner = 0;

export const currentOwner = (): number => owner;

/** Sets the owner of the entry that begins. */
export function setOwner(id: number): void {
  owner = id;
}
