/**
 * The CPU time of each request, and what is left of it.
 *
 * I1  A request may use `cpuMs` in all its entries together, and as much again for every `BYTES_PER_BUDGET` of bodies that
 *     pass for it: moving a gigabyte takes time that an endless loop must not get.
 * I2  What nobody's request asked for (a module's own timers), or one that is over, has `cpuMs` for each entry.
 * I3  An entry's time is what the isolate's clock moved on since the last charge: entries run one after the other, and
 *     where several end before this hears of it, the first one pays for all.
 * I4  A request that was ended because it had used up its time gets no more, whatever of it is still under way.
 * I5  What the host computes for a request (cryptography, compression) counts as if the isolate had.
 * I6  The isolate's clock hangs on the wall. What it says counts in full until the share of it that was CPU time is known.
 */
export interface CpuAccounts {
  /** A request begins. What is not open, or no longer, has `cpuMs` for each entry. */
  open(owner: number): void;
  /** Milliseconds that the next entry on behalf of a request may take; 0: it has used up all. */
  allowance(owner: number): number;
  /** Milliseconds that a request may use, and has used; of what is not open, those of an entry. */
  balance(owner: number): { budgetMs: number; usedMs: number };
  /** The entry that runs has run until now: the isolate's clock, in milliseconds. */
  charge(owner: number, clockMs: number): void;
  /** What was charged and is not settled yet, in milliseconds. */
  readonly unsettledMs: number;
  /** Only this share of what was charged since the last time was CPU time. */
  settle(share: number): void;
  /** Another entry runs now. */
  beginStretch(): void;
  /** What the entry that runs has been charged with, in milliseconds. */
  readonly stretchMs: number;
  /** The host has worked for a request, for so much CPU time. */
  spend(owner: number, ms: number): void;
  /** A request was ended for its time: there is none left for it. */
  exhaust(owner: number): void;
  /** Bytes of a body went by. */
  extend(owner: number, bytes: number): void;
  forget(owner: number): void;
}

interface Account {
  usedMs: number;
  bytes: number;
}

const BYTES_PER_BUDGET = 16 * 1024 * 1024;
/** What they had under way is dropped at once: only the last ones can still ask for anything. */
const MAX_EXHAUSTED = 1_000;

export function createCpuAccounts(cpuMs: number): CpuAccounts {
  const accounts = new Map<number, Account>();
  const exhausted = new Set<number>();
  /** By owner: what was charged and is not settled yet. */
  const unsettled = new Map<number, number>();
  let unsettledMs = 0;
  let unsettledStretchMs = 0;
  let stretchMs = 0;
  let lastClockMs = 0;
  const budgetOf = ({ bytes }: Account) => cpuMs * (1 + Math.floor(bytes / BYTES_PER_BUDGET));
  return {
    open: (owner) => void accounts.set(owner, { usedMs: 0, bytes: 0 }),
    allowance(owner) {
      const account = accounts.get(owner);
      if (account === undefined) return exhausted.has(owner) ? 0 : cpuMs;
      return Math.max(0, budgetOf(account) - account.usedMs);
    },
    balance(owner) {
      const account = accounts.get(owner);
      if (account === undefined) return { budgetMs: cpuMs, usedMs: 0 };
      return { budgetMs: budgetOf(account), usedMs: account.usedMs };
    },
    charge(owner, clockMs) {
      const spentMs = Math.max(0, clockMs - lastClockMs);
      lastClockMs = Math.max(lastClockMs, clockMs);
      unsettledMs += spentMs;
      unsettledStretchMs += spentMs;
      stretchMs += spentMs;
      const account = accounts.get(owner);
      if (account === undefined) return;
      account.usedMs += spentMs;
      unsettled.set(owner, (unsettled.get(owner) ?? 0) + spentMs);
    },
    get unsettledMs() {
      return unsettledMs;
    },
    settle(share) {
      for (const [owner, ms] of unsettled) {
        const account = accounts.get(owner);
        if (account !== undefined) account.usedMs -= ms * (1 - share);
      }
      unsettled.clear();
      stretchMs -= unsettledStretchMs * (1 - share);
      unsettledMs = 0;
      unsettledStretchMs = 0;
    },
    beginStretch() {
      stretchMs = 0;
      unsettledStretchMs = 0;
    },
    get stretchMs() {
      return stretchMs;
    },
    spend(owner, ms) {
      const account = accounts.get(owner);
      if (account !== undefined) account.usedMs += ms;
    },
    exhaust(owner) {
      if (exhausted.size >= MAX_EXHAUSTED) exhausted.delete(exhausted.values().next().value ?? 0);
      exhausted.add(owner);
    },
    extend(owner, bytes) {
      const account = accounts.get(owner);
      if (account !== undefined) account.bytes += bytes;
    },
    forget: (owner) => void accounts.delete(owner),
  };
}
