/**
 * The CPU time that each request has used and may use. The owner of an entry is the request that it is made for.
 *
 * I1  A request may use `cpuMs` in all its entries together, and as much again for every `BYTES_PER_BUDGET` of its bodies:
 *     moving a gigabyte takes time that an endless loop must not get.
 * I2  An entry without an open request (a module's own timers, a request that is over) may use `cpuMs`.
 * I3  Entries are charged with the advance of the isolate's clock since the last charge. Entries run one after the other. Where
 *     several have run since, they share it: evenly, but for the time beyond `BATCH_MS`, which only the last can have taken, as
 *     no entry begins later in a call.
 * I4  A request that was ended for its CPU time gets no more: its late timers and results do not run.
 * I5  The host's own work for a request (cryptography, compression) counts as the isolate's.
 * I6  The isolate's clock measures wall time. It counts in full until the share of CPU time in it is known.
 */
import { NumberTable } from "../../../contracts/index.ts";
import { BATCH_MS } from "../../../web/index.ts";

export interface CpuAccounts {
  /** Opens the account of a request. */
  open(owner: number): void;
  /** Milliseconds that the next entry of a request may take; 0: the request has used up its time. */
  allowance(owner: number): number;
  /** Milliseconds that a request may use, and has used; without an open request the milliseconds of one entry. */
  balance(owner: number): { budgetMs: number; usedMs: number };
  /** Charges the entries that have run since the last charge, by their owners in order. `clockMs`: the isolate's clock now. */
  charge(owners: readonly number[], clockMs: number): void;
  /** Milliseconds that were charged and are not settled yet. */
  readonly unsettledMs: number;
  /** Reduces the charges since the last settlement to this share of them, the CPU time. */
  settle(share: number): void;
  /** Another entry runs now. */
  beginStretch(): void;
  /** Milliseconds that the entry that runs was charged with. */
  readonly stretchMs: number;
  /** Charges a request for work of the host. */
  spend(owner: number, ms: number): void;
  /** A request was ended for its CPU time: it gets no more. */
  exhaust(owner: number): void;
  /** Adds bytes of a body to the budget of a request. */
  extend(owner: number, bytes: number): void;
  forget(owner: number): void;
}

interface Account {
  usedMs: number;
  unsettledMs: number;
  bytes: number;
}

/** The bytes of bodies that add `cpuMs` to the budget of a request. */
const BYTES_PER_BUDGET = 16 * 1024 * 1024;
/** Upper bound of the exhausted requests that are kept. Older ones have nothing left that could enter: it was dropped. */
const MAX_EXHAUSTED = 1_000;

export function createCpuAccounts(cpuMs: number): CpuAccounts {
  const accounts = new NumberTable<Account>();
  const exhausted = new Set<number>();
  /** The accounts with charges that are not settled yet. */
  const unsettled: Account[] = [];
  let unsettledMs = 0;
  let unsettledStretchMs = 0;
  let stretchMs = 0;
  let lastClockMs = 0;
  const budgetOf = ({ bytes }: Account) => cpuMs * (1 + Math.floor(bytes / BYTES_PER_BUDGET));
  return {
    open: (owner) => void accounts.set(owner, { usedMs: 0, unsettledMs: 0, bytes: 0 }),
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
    charge(owners, clockMs) {
      const spentMs = Math.max(0, clockMs - lastClockMs);
      lastClockMs = Math.max(lastClockMs, clockMs);
      unsettledMs += spentMs;
      const evenMs = Math.min(spentMs, BATCH_MS) / owners.length;
      const lastMs = spentMs - evenMs * (owners.length - 1);
      unsettledStretchMs += lastMs;
      stretchMs += lastMs;
      for (let at = 0; at < owners.length; at++) {
        const owner = owners[at] as number;
        const account = accounts.get(owner);
        if (account === undefined) continue;
        const ms = at === owners.length - 1 ? lastMs : evenMs;
        account.usedMs += ms;
        if (account.unsettledMs === 0) unsettled.push(account);
        account.unsettledMs += ms;
      }
    },
    get unsettledMs() {
      return unsettledMs;
    },
    settle(share) {
      for (const account of unsettled) {
        account.usedMs -= account.unsettledMs * (1 - share);
        account.unsettledMs = 0;
      }
      unsettled.length = 0;
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
