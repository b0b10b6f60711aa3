/**
 * Which host each function belongs in, by the deaths of hosts. It decides only: it starts and ends no process.
 *
 * A suspect is a function that was in hosts that died. A function in quarantine has a host of its own.
 *
 * I1  A trust group shares one host. Where that host dies without a report twice within a minute, the functions that were in
 *     it both times become suspects, and move to two hosts, one half each.
 * I2  Where the host of one half dies, its suspects are halved again; the other half is cleared and goes back.
 * I3  A suspect whose host dies while it has no other suspect in it goes into quarantine: for a minute after its last death, and
 *     twice as long with each further one, up to a day.
 * I4  A function that took V8's control of its isolate away is in quarantine until its spec changes.
 * I5  Suspects whose hosts live for a minute go back together. A change of its spec clears a function at once.
 * I6  Besides one host for each trust group there are at most `MAX_SEARCHES` pairs of halves, `MAX_QUARANTINES` hosts with one
 *     function each, and for each trust group one host that all further functions in quarantine share.
 */
import { halfOf, isQuarantine, quarantineOf, sharedQuarantineOf, trustOf } from "./groups.ts";

export interface Suspect {
  name: string;
  /** The generation of its spec. */
  generation: string;
}

/** The consequence of a host's death. */
export type Verdict =
  | { kind: "none" }
  | { kind: "halved"; suspects: string[] }
  | { kind: "quarantine"; suspect: string };

/** How long two deaths of a host count together, and how long a host lives until its functions are cleared. */
export const SUSPICION_MS = 60_000;
/** Upper bound of the time that a function is in quarantine after a death. */
const MAX_QUARANTINE_MS = 24 * 3_600_000;
/** Upper bound of the number of searches at a time. The oldest one gives way. */
export const MAX_SEARCHES = 2;
/** Upper bound of the number of hosts with one function in quarantine each. */
export const MAX_QUARANTINES = 8;

/** A function that is not in the host of its trust group. */
interface Held {
  generation: string;
  group: string;
  /** The search whose suspect it is. */
  search: number | undefined;
  untilMs: number;
}

export class Suspicion {
  readonly #held = new Map<string, Held>();
  /** How often hosts died with a function in quarantine in them. */
  readonly #quarantineDeaths = new Map<string, { generation: string; count: number }>();
  /** The last death of each trust group's shared host. */
  readonly #lastDeaths = new Map<string, { atMs: number; names: Set<string> }>();
  #searches = 0;

  /** The group of a function of a trust group. */
  groupOf(trust: string, name: string): string {
    return this.#held.get(name)?.group ?? trust;
  }

  /** A group's host died without a report, with these functions in it. */
  hostDied(group: string, aboard: readonly Suspect[], nowMs: number): Verdict {
    const trust = trustOf(group);
    if (group === trust) return this.#sharedHostDied(trust, aboard, nowMs);
    const suspects = aboard.filter(({ name }) => this.#held.get(name)?.group === group);
    const [first] = suspects;
    if (first === undefined) return { kind: "none" };
    const search = this.#held.get(first.name)?.search;
    if (search === undefined) {
      for (const suspect of suspects) this.#quarantineDied(trust, suspect, nowMs);
      return { kind: "none" };
    }
    this.#release((one) => one.search === search);
    if (suspects.length > 1) return this.#beginSearch(trust, suspects, nowMs + SUSPICION_MS);
    this.#quarantineDied(trust, first, nowMs);
    return { kind: "quarantine", suspect: first.name };
  }

  /** Puts a function into quarantine until its spec changes (I4). False where it is there already. */
  quarantine(trust: string, suspect: Suspect): boolean {
    const isNew = this.#held.get(suspect.name)?.untilMs !== Number.POSITIVE_INFINITY;
    if (isNew) this.#quarantineUntil(trust, suspect, Number.POSITIVE_INFINITY);
    return isNew;
  }

  /** The function has another spec, or is gone: it is cleared. False where nothing was held against it. */
  forgive(name: string, generation: string | undefined): boolean {
    const isOld = (one: { generation: string } | undefined) =>
      one !== undefined && one.generation !== generation;
    const wasHeld = isOld(this.#held.get(name)) && this.#held.delete(name);
    const hadDied = isOld(this.#quarantineDeaths.get(name)) && this.#quarantineDeaths.delete(name);
    return wasHeld || hadDied;
  }

  /** Clears the functions whose time is over. */
  expire(nowMs: number): void {
    this.#release(({ untilMs }) => untilMs <= nowMs);
  }

  /** When the next function is to be cleared. */
  nextEndMs(): number | undefined {
    const ends = [...this.#held.values()].map(({ untilMs }) => untilMs).filter(Number.isFinite);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  #release(isDone: (one: Held) => boolean): void {
    for (const [name, one] of this.#held) if (isDone(one)) this.#held.delete(name);
  }

  #beginSearch(trust: string, suspects: readonly Suspect[], untilMs: number): Verdict {
    const searches = [...this.#held.values()].flatMap(({ search }) => search ?? []);
    const open = [...new Set(searches)].sort((a, b) => a - b);
    const oldest = open.length < MAX_SEARCHES ? undefined : open[0];
    if (oldest !== undefined) this.#release(({ search }) => search === oldest);
    this.#searches += 1;
    const search = this.#searches;
    for (const [at, { name, generation }] of suspects.entries()) {
      const group = halfOf(trust, search, at % 2 === 0 ? "a" : "b");
      this.#held.set(name, { generation, group, search, untilMs });
    }
    return { kind: "halved", suspects: suspects.map(({ name }) => name) };
  }

  #quarantineUntil(trust: string, { name, generation }: Suspect, untilMs: number): void {
    const others = [...this.#held].filter(([other, { group }]) => isQuarantine(group) && other !== name);
    const group = others.length < MAX_QUARANTINES ? quarantineOf(trust, name) : sharedQuarantineOf(trust);
    this.#held.set(name, { generation, group, search: undefined, untilMs });
  }

  /** A host died with a function in it that is in quarantine, or goes there now (I3). */
  #quarantineDied(trust: string, suspect: Suspect, nowMs: number): void {
    const { name, generation } = suspect;
    const before = this.#quarantineDeaths.get(name);
    const count = before?.generation === generation ? before.count : 0;
    this.#quarantineDeaths.set(name, { generation, count: count + 1 });
    const untilMs = nowMs + Math.min(MAX_QUARANTINE_MS, SUSPICION_MS * 2 ** count);
    const known = this.#held.get(name);
    if (known === undefined) this.#quarantineUntil(trust, suspect, untilMs);
    else known.untilMs = Math.max(known.untilMs, untilMs);
  }

  /** The host of a whole trust group died (I1). */
  #sharedHostDied(trust: string, aboard: readonly Suspect[], nowMs: number): Verdict {
    const last = this.#lastDeaths.get(trust);
    const suspects = aboard.filter(({ name }) => last?.names.has(name) === true && !this.#held.has(name));
    if (last === undefined || nowMs - last.atMs >= SUSPICION_MS || suspects.length === 0) {
      this.#lastDeaths.set(trust, { atMs: nowMs, names: new Set(aboard.map(({ name }) => name)) });
      return { kind: "none" };
    }
    this.#lastDeaths.delete(trust);
    return this.#beginSearch(trust, suspects, nowMs + SUSPICION_MS);
  }
}
