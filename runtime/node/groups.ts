/**
 * The names of groups. A group is the set of functions that share a host: a trust group, half of the suspects of a search, or
 * a function in quarantine (suspicion.ts). No name of a function begins with `~`, and no name of a trust group has a slash.
 */
const HALF = "~";
/** The shared quarantine of a trust group. */
const PEN = "~pen";

export const halfOf = (trust: string, search: number, half: "a" | "b") => `${trust}/${HALF}${search}${half}`;
export const quarantineOf = (trust: string, name: string) => `${trust}/${name}`;
export const sharedQuarantineOf = (trust: string) => `${trust}/${PEN}`;

/** The trust group of a group. */
export const trustOf = (group: string) => group.split("/", 1)[0] ?? group;
/** Whether a group is the quarantine of one function. */
export const isQuarantine = (group: string) => group.includes("/") && !group.includes(`/${HALF}`);
/** Whether a group is one half of the suspects of a search. */
export const isHalf = (group: string) => group.includes(`/${HALF}`) && !group.endsWith(`/${PEN}`);
