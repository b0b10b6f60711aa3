/**
 * Which host each function belongs in, by the deaths of hosts. It decides only: nothing here starts or ends a process.
 *
 * I1  A trust group shares one host. Where that dies without a word twice within a minute, the functions that were in it both
 *     times are suspects, and move to two hosts, one half each.
 * I2  Where one of the two dies, the suspects in it are halved again; the others are cleared and go back.
 * I3  A function whose host dies while it is the only suspect in it is alone from then on: for a minute after its last death, and
 *     twice as long with each further one, up to a day.
 * I4  A function that took V8's control of its isolate away is alone until its spec changes.
 * I5  Suspects whose hosts live for a minute go back together. A change of its spec clears a function at once.
 * I6  Besides one host for each trust group there are at most `MAX_SEARCHES` pairs of halves, `MAX_ALONE` hosts with one function
 *     each, and for each trust group one for all who would be alone beyond that.
 */
export interface Suspect {
  name: string;
  /** Of its spec. */
  generation: string;
}

export interface Suspicion {
  /** The group that a function of a trust group is in. */
  groupOf(trust: string, name: string): string;
  /** A group's host died without a word, with these functions in it. Says what follows for them. */
  died(group: string, aboard: readonly Suspect[], nowMs: number): Verdict;
  /** Keeps a function alone until its spec changes; false where it is already. */
  blame(trust: string, suspect: Suspect): boolean;
  /** The function's spec is another now, or gone: what is known of it is no longer true. False where nothing was. */
  forgive(name: string, generation: string | undefined): boolean;
  /** Lets go what has lasted long enough. */
  expire(nowMs: number): void;
  /** When the next one is to be let go. */
  nextEndMs(): number | undefined;
}

export type Verdict =
  | { kind: "none" }
  | { kind: "halved"; suspects: string[] }
  | { kind: "alone"; suspect: string };

/** How long two deaths of a host count together, and how long a host lives until its functions are no suspects any more. */
export const SUSPICION_MS = 60_000;
/** Upper bound of the time for which a function is alone after a death. */
const MAX_ALONE_MS = 24 * 3_600_000;
export const MAX_SEARCHES = 2;
export const MAX_ALONE = 8;

/** No function's name begins so, and no trust group's name has a slash. */
const HALF = "~";
const PEN = "~pen";

interface Held {
  generation: string;
  group: string;
  /** Of the halves of one search. */
  search: number | undefined;
  untilMs: number;
}

/** The trust group that a group is of. */
export const trustOf = (group: string) => group.split("/", 1)[0] ?? group;
/** Whether a group is for one function only. */
export const isAlone = (group: string) => group.includes("/") && !group.includes(`/${HALF}`);
/** Whether a group is one half of the suspects of a search. */
export const isHalf = (group: string) => group.includes(`/${HALF}`) && !group.endsWith(`/${PEN}`);

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its steps share their state
export function createSuspicion(): Suspicion {
  const held = new Map<string, Held>();
  /** How often hosts died with a function alone in them. */
  const deathsAlone = new Map<string, { generation: string; count: number }>();
  const lastDeaths = new Map<string, { atMs: number; names: Set<string> }>();
  let searches = 0;

  const release = (isDone: (one: Held, name: string) => boolean) => {
    for (const [name, one] of held) if (isDone(one, name)) held.delete(name);
  };

  const beginSearch = (trust: string, suspects: readonly Suspect[], untilMs: number): Verdict => {
    const open = [...new Set([...held.values()].flatMap(({ search }) => search ?? []))].sort((a, b) => a - b);
    const oldest = open.length < MAX_SEARCHES ? undefined : open[0];
    if (oldest !== undefined) release(({ search }) => search === oldest);
    searches += 1;
    for (const [at, { name, generation }] of suspects.entries()) {
      const group = `${trust}/${HALF}${searches}${at % 2 === 0 ? "a" : "b"}`;
      held.set(name, { generation, group, search: searches, untilMs });
    }
    return { kind: "halved", suspects: suspects.map(({ name }) => name) };
  };

  const leaveAlone = (trust: string, { name, generation }: Suspect, untilMs: number) => {
    const others = [...held].filter(([other, { group }]) => isAlone(group) && other !== name);
    const group = others.length < MAX_ALONE ? `${trust}/${name}` : `${trust}/${PEN}`;
    held.set(name, { generation, group, search: undefined, untilMs });
  };

  const diedAlone = (trust: string, suspect: Suspect, nowMs: number) => {
    const { name, generation } = suspect;
    const before = deathsAlone.get(name);
    const count = before?.generation === generation ? before.count : 0;
    deathsAlone.set(name, { generation, count: count + 1 });
    const untilMs = nowMs + Math.min(MAX_ALONE_MS, SUSPICION_MS * 2 ** count);
    const known = held.get(name);
    if (known === undefined) leaveAlone(trust, suspect, untilMs);
    else known.untilMs = Math.max(known.untilMs, untilMs);
  };

  /** The host that a whole trust group shares. */
  const diedShared = (trust: string, aboard: readonly Suspect[], nowMs: number): Verdict => {
    const last = lastDeaths.get(trust);
    const suspects = aboard.filter(({ name }) => last?.names.has(name) === true && !held.has(name));
    if (last === undefined || nowMs - last.atMs >= SUSPICION_MS || suspects.length === 0) {
      lastDeaths.set(trust, { atMs: nowMs, names: new Set(aboard.map(({ name }) => name)) });
      return { kind: "none" };
    }
    lastDeaths.delete(trust);
    return beginSearch(trust, suspects, nowMs + SUSPICION_MS);
  };

  return {
    groupOf: (trust, name) => held.get(name)?.group ?? trust,
    died(group, aboard, nowMs) {
      const trust = trustOf(group);
      if (group === trust) return diedShared(trust, aboard, nowMs);
      const suspects = aboard.filter(({ name }) => held.get(name)?.group === group);
      const [first] = suspects;
      if (first === undefined) return { kind: "none" };
      const search = held.get(first.name)?.search;
      if (search === undefined) {
        for (const suspect of suspects) diedAlone(trust, suspect, nowMs);
        return { kind: "none" };
      }
      release((one) => one.search === search);
      if (suspects.length > 1) return beginSearch(trust, suspects, nowMs + SUSPICION_MS);
      diedAlone(trust, first, nowMs);
      return { kind: "alone", suspect: first.name };
    },
    blame(trust, suspect) {
      const known = held.get(suspect.name);
      const isNew = known?.untilMs !== Number.POSITIVE_INFINITY;
      if (isNew) leaveAlone(trust, suspect, Number.POSITIVE_INFINITY);
      return isNew;
    },
    forgive(name, generation) {
      const isOld = (one: { generation: string } | undefined) =>
        one !== undefined && one.generation !== generation;
      const wasHeld = isOld(held.get(name)) && held.delete(name);
      const hadDied = isOld(deathsAlone.get(name)) && deathsAlone.delete(name);
      return wasHeld || hadDied;
    },
    expire: (nowMs) => release(({ untilMs }) => untilMs <= nowMs),
    nextEndMs() {
      const ends = [...held.values()].map(({ untilMs }) => untilMs).filter(Number.isFinite);
      return ends.length === 0 ? undefined : Math.min(...ends);
    },
  };
}
